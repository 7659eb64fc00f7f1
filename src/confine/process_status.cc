#include "process_status.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "ostiary/base/processes.h"
#include "ostiary/base/text.h"

namespace ostiary::confine {
namespace {

constexpr size_t max_status = 64 * 1024;

enum class Base : uint8_t { decimal = 10, hexadecimal = 16 };

std::unexpected<Error> malformed(std::string_view name) {
  return fail(Exit::not_permitted, "/proc/self/status has a malformed field " + std::string(name));
}

Result<std::vector<uint64_t>> numbers(std::string_view text, std::string_view name, Base base) {
  auto rest = find_status_field(text, name);
  if (!rest) return fail(Exit::not_permitted, "/proc/self/status has no field " + std::string(name));
  std::vector<uint64_t> values;
  for (auto word = take_word(*rest); !word.empty(); word = take_word(*rest)) {
    const auto value = parse_number<uint64_t>(word, std::to_underlying(base));
    if (!value) return malformed(name);
    values.push_back(*value);
  }
  return values;
}

Result<uint64_t> number(std::string_view text, std::string_view name, Base base) {
  const auto values = TRY(numbers(text, name, base));
  if (values.size() != 1) return malformed(name);
  return values.front();
}

Result<std::array<uint32_t, 4>> four_ids(std::string_view text, std::string_view name) {
  const auto values = TRY(numbers(text, name, Base::decimal));
  std::array<uint32_t, 4> ids{};
  if (values.size() != ids.size()) return malformed(name);
  std::ranges::transform(values, ids.begin(), [](uint64_t v) { return static_cast<uint32_t>(v); });
  return ids;
}

}  // namespace

Result<ProcessStatus> parse_process_status(std::string_view text) {
  ProcessStatus status;
  status.uids = TRY(four_ids(text, "Uid"));
  status.gids = TRY(four_ids(text, "Gid"));
  for (const uint64_t group : TRY(numbers(text, "Groups", Base::decimal)))
    status.groups.push_back(static_cast<gid_t>(group));
  std::ranges::sort(status.groups);
  status.blocked_signals = TRY(number(text, "SigBlk", Base::hexadecimal));
  status.ignored_signals = TRY(number(text, "SigIgn", Base::hexadecimal));
  status.inheritable = TRY(number(text, "CapInh", Base::hexadecimal));
  status.permitted = TRY(number(text, "CapPrm", Base::hexadecimal));
  status.effective = TRY(number(text, "CapEff", Base::hexadecimal));
  status.bounding = TRY(number(text, "CapBnd", Base::hexadecimal));
  status.ambient = TRY(number(text, "CapAmb", Base::hexadecimal));
  status.no_new_privs = TRY(number(text, "NoNewPrivs", Base::decimal));
  status.seccomp = TRY(number(text, "Seccomp", Base::decimal));
  status.seccomp_filters = TRY(number(text, "Seccomp_filters", Base::decimal));
  return status;
}

Result<OwnStatus> OwnStatus::open() {
  UniqueFd fd{::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("/proc/self/status"));
  return OwnStatus(std::move(fd));
}

Result<ProcessStatus> OwnStatus::read() const {
  std::string text(max_status, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::pread(fd_.get(), text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(Error::system("/proc/self/status"));
    if (got == 0) return parse_process_status(std::string_view(text).substr(0, size));
    size += static_cast<size_t>(got);
  }
  return fail(Exit::not_permitted, "/proc/self/status is too long");
}

}  // namespace ostiary::confine
