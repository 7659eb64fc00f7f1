#include "ostiary/link/audit_lines.h"

#include <array>
#include <utility>

#include <sys/socket.h>

#include "datagram_pair.h"
#include "ostiary/audit/limits.h"

namespace ostiary::link {
namespace {

// The gate counts a second's flood in up to fold_entries lines, which it writes at once.
constexpr int buffer_octets = 512 << 10;
constexpr int octets_of_usual_line = 256;
static_assert(audit::limits::fold_entries * octets_of_usual_line <= buffer_octets);

}  // namespace

Result<AuditPair> make_audit_pair() {
  auto [senders, relay] = TRY(make_datagram_pair());
  // Without CAP_NET_ADMIN the kernel's own bound stays, and a flood loses more.
  const int size = buffer_octets;
  (void)::setsockopt(senders.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  return AuditPair{.senders = std::move(senders), .relay = std::move(relay)};
}

std::optional<std::string> receive_audit_lines(const UniqueFd& relay) {
  std::array<char, audit::limits::octets_at_once> octets;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (true) {
    const ssize_t got = ::recv(relay.get(), octets.data(), octets.size(), MSG_DONTWAIT);
    if (got > 0) return std::string(octets.data(), static_cast<size_t>(got));
    if (got == 0 || errno != EINTR) return std::nullopt;
  }
}

}  // namespace ostiary::link
