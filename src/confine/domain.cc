#include "ostiary/confine/domain.h"

#include <algorithm>

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enter_domain.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::confine {
namespace {

constexpr long first_version_with_scopes = 6;

// The kernel's struct, of which older headers lack the end.
struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
constexpr uint64_t scope_abstract_unix_socket = 1U << 0U;
constexpr uint64_t scope_signal = 1U << 1U;

}  // namespace

std::string_view text(Domain domain) {
  return std::ranges::find(domain_names, domain, &DomainName::domain)->name;
}

std::optional<Domain> parse_domain(std::string_view name) {
  const auto* const found = std::ranges::find(domain_names, name, &DomainName::name);
  return found == domain_names.end() ? std::nullopt : std::optional(found->domain);
}

bool supports_domains() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >=
         first_version_with_scopes;
}

Result<> enter_domain(Domain domain) {
  if (domain == Domain::none) return {};
  // It handles no access to files: else nothing could be mounted, not even by a sandbox of the
  // agent's own.
  const RulesetAttributes attributes{
      .handled_access_fs = 0,
      .handled_access_net = 0,
      .scoped = domain == Domain::without_signals ? scope_signal : scope_abstract_unix_socket};
  const UniqueFd ruleset{
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0))};
  if (!ruleset.valid()) return std::unexpected(Error::system("cannot make a Landlock domain"));
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return std::unexpected(Error::system("cannot enter a Landlock domain"));
  return {};
}

}  // namespace ostiary::confine
