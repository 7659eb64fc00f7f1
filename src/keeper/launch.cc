#include "launch.h"

#include <array>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ostiary/base/process_name.h"
#include "ostiary/base/record.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/keeper/inherited.h"

namespace ostiary::keeper {
namespace {

Result<UniqueFd> make_file(const std::string& name, const std::string& octets) {
  UniqueFd fd{::memfd_create(name.c_str(), MFD_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("memfd_create", Exit::unavailable));
  TRY(write_all(fd, octets, "the setup of " + name, Exit::unavailable));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("the setup of " + name, Exit::unavailable));
  return fd;
}

// Runs in the child. Moves the descriptors to the numbers from start_record_fd on, in this order.
// They first move beyond these numbers, so that none overwrites another.
[[noreturn]] void become_helper(const Launch& process, std::vector<int> fds) {
  const bool has_file = process.file >= 0;
  if (has_file) fds.push_back(process.file);
  const int end = start_record_fd + static_cast<int>(fds.size());
  for (int& fd : fds) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, end);
  int target = start_record_fd;
  for (const int fd : fds)
    if (::dup2(fd, target++) < 0) ::_exit(static_cast<int>(Exit::unavailable));
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  // Closes every other descriptor of the keeper. If that fails, the helper must not start.
  if (::close_range(static_cast<unsigned>(end), ~0U, 0) != 0) ::_exit(static_cast<int>(Exit::unavailable));
  if (process.mode == StartMode::fork) {
    replace_process_arguments(process.process_name);
    const auto status = process.run();
    ::_exit(status ? *status : static_cast<int>(status.error().exit));
  }
  std::array<char*, 2> arguments{const_cast<char*>(process.process_name), nullptr};
  std::array<char*, 1> environment{nullptr};
  if (has_file) {
    ::fcntl(end - 1, F_SETFD, FD_CLOEXEC);
    ::execveat(end - 1, "", arguments.data(), environment.data(), AT_EMPTY_PATH);
  } else {
    ::execve("/proc/self/exe", arguments.data(), environment.data());
  }
  ::_exit(static_cast<int>(Exit::not_executable));
}

}  // namespace

std::string render_start_record(const StartRecord& record) {
  RecordWriter writer;
  writer.number(static_cast<uint32_t>(record.descriptors.size()));
  for (const StartRecord::Entry& each : record.descriptors) writer.text(each.name).number(each.number);
  return writer.text(record.setup).take();
}

Result<StartRecord> parse_start_record(std::string_view octets) {
  RecordReader reader(octets);
  StartRecord record;
  for (uint32_t left = reader.number(); left > 0 && !reader.failed(); --left) {
    std::string name = reader.text();
    record.descriptors.push_back({.name = std::move(name), .number = reader.number()});
  }
  record.setup = reader.text();
  if (!reader.complete()) return fail(Exit::unavailable, "a helper's setup is malformed");
  return record;
}

Result<pid_t> launch(const Launch& process, const Start& start, int channel) {
  std::vector<NamedFd> named{{.name = Inherited::channel, .fd = channel}};
  named.insert(named.end(), start.descriptors.begin(), start.descriptors.end());
  StartRecord record{.descriptors = {}, .setup = start.setup};
  std::vector<int> fds{-1};  // the memory file is not open yet
  for (const NamedFd& each : named) {
    const auto number = each.fd < 0 ? size_t{0} : start_record_fd + fds.size();
    record.descriptors.push_back({.name = std::string(each.name), .number = static_cast<uint32_t>(number)});
    if (each.fd >= 0) fds.push_back(each.fd);
  }
  const UniqueFd file =
      TRY(make_file(std::string(process.process_name) + "-setup", render_start_record(record)));
  fds.front() = file.get();
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(Error::system("fork", Exit::unavailable));
  if (pid == 0) become_helper(process, std::move(fds));
  return pid;
}

}  // namespace ostiary::keeper
