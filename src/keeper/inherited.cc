#include "ostiary/keeper/inherited.h"

#include <algorithm>

#include <fcntl.h>

#include "launch.h"
#include "ostiary/base/read_file.h"

namespace ostiary::keeper {
namespace {

constexpr size_t max_start_record = 64U << 20U;

Result<UniqueFd> adopt(const StartRecord::Entry& entry) {
  if (entry.number == 0) return UniqueFd{};
  UniqueFd fd{static_cast<int>(entry.number)};
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) == 0) return fd;
  return std::unexpected(Error::system("the inherited descriptor " + entry.name, Exit::unavailable));
}

}  // namespace

Result<Inherited> Inherited::receive(const char* process_name, const std::vector<std::string_view>& names) {
  const UniqueFd file{start_record_fd};
  if (::fcntl(file.get(), F_GETFD) < 0)
    return fail(Exit::usage, std::string(process_name) +
                                 " cannot be started by hand: write ostiary run; see ostiary --help");
  StartRecord record = TRY(parse_start_record(
      TRY(read_file("/proc/self/fd/" + std::to_string(start_record_fd), max_start_record))));
  Inherited inherited;
  inherited.setup_ = std::move(record.setup);
  for (const StartRecord::Entry& entry : record.descriptors) {
    if (std::ranges::find(names, entry.name) == names.end())
      return fail(Exit::unavailable, "unknown inherited descriptor: " + entry.name);
    inherited.descriptors_.push_back({entry.name, TRY(adopt(entry))});
  }
  for (const std::string_view name : names)
    if (std::ranges::count(inherited.descriptors_, name, &Named::name) != 1)
      return fail(Exit::unavailable, "no inherited descriptor: " + std::string(name));
  return inherited;
}

UniqueFd Inherited::take(std::string_view name) {
  const auto found = std::ranges::find(descriptors_, name, &Named::name);
  return found == descriptors_.end() ? UniqueFd{} : std::move(found->fd);
}

}  // namespace ostiary::keeper
