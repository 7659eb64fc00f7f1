#include "ostiary/audit/journal.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/journal_file.h"

namespace ostiary::audit {
namespace {

// Opens the same pipe or terminal again. Setting O_NONBLOCK on the given descriptor would set it
// for every process that shares it, including the agent. Returns an invalid descriptor on failure.
UniqueFd reopen_nonblocking(const UniqueFd& fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return UniqueFd{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
}

// Whether the agent has a descriptor for the same file. The agent has the standard descriptors.
AuditRoad road_of(const UniqueFd& fd) {
  struct stat ours{};
  if (::fstat(fd.get(), &ours) != 0) return AuditRoad::shared;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat theirs{};
    if (::fstat(standard, &theirs) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
      return AuditRoad::shared;
  }
  return AuditRoad::own;
}

bool is_writable(const UniqueFd& fd) {
  pollfd ready{fd.get(), POLLOUT, 0};
  return ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

// The number of whole lines. The octets begin with a newline that ends no line of ours.
size_t count_lines(std::string_view octets) {
  return static_cast<size_t>(std::ranges::count(octets, '\n')) - 1;
}

}  // namespace

Journal::Journal(UniqueFd fd, Way way, FileBound bound)
    : fd_(std::move(fd)), way_(way), road_(road_of(fd_)), bound_(bound) {}

Result<Journal> Journal::open(const Target& target, FileBound bound) {
  if (const auto* file = std::get_if<ToFile>(&target)) return to_file(file->path, bound);
  if (const auto* descriptor = std::get_if<ToDescriptor>(&target)) return to_descriptor(descriptor->number);
  if (std::holds_alternative<ToStandardError>(target)) return to_standard_error();
  return none();
}

Result<Journal> Journal::to_file(const std::string& path, FileBound bound) {
  JournalFile file = TRY(open_journal_file(path));
  Journal journal(std::move(file.fd), Way::append_after, bound);
  journal.directory_ = std::move(file.directory);
  journal.name_ = std::move(file.name);
  // Ignore a failure: has_room_for() keeps the file within its maximum anyway.
  (void)journal.begin_new_file(std::chrono::system_clock::now());
  return journal;
}

// An inherited descriptor is not close-on-exec. A descriptor that is close-on-exec is one of ours
// that happens to have this number, so it is refused.
Result<Journal> Journal::to_descriptor(int number) {
  const int flags = ::fcntl(number, F_GETFD);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0)
    return fail(Exit::missing_input, "the audit's descriptor " + std::to_string(number) +
                                         ": is not open: name one that the program is started with");
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  return to_fd(UniqueFd(number));
}

Result<Journal> Journal::to_standard_error() {
  UniqueFd copy{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  if (!copy.valid()) return std::unexpected(Error::system("standard error, for the audit"));
  return to_fd(std::move(copy));
}

Result<Journal> Journal::to_fd(UniqueFd fd, FileBound bound) {
  struct stat status{};
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fstat(fd.get(), &status) != 0)
    return std::unexpected(Error::system("the audit's descriptor"));
  if ((flags & O_ACCMODE) == O_RDONLY)
    return fail(Exit::not_permitted, "the audit's descriptor: is not open for writing");

  if (S_ISREG(status.st_mode)) {
    const bool end_is_readable = (flags & O_APPEND) != 0 && (flags & O_ACCMODE) == O_RDWR;
    return Journal(std::move(fd), end_is_readable ? Way::append_after : Way::append, bound);
  }
  constexpr FileBound none = FileBound::none();
  if (S_ISSOCK(status.st_mode)) return Journal(std::move(fd), Way::send, none);
  if ((flags & O_NONBLOCK) != 0) return Journal(std::move(fd), Way::write, none);
  UniqueFd own = reopen_nonblocking(fd);
  if (own.valid()) return Journal(std::move(own), Way::write, none);
  return Journal(std::move(fd), Way::poll, none);
}

Result<> Journal::begin_new_file(Time now) {
  (void)has_room_for(0);
  if (!directory_.valid() || !wants_new_file()) return {};
  NewFile next = TRY(rotate_journal_files(directory_, name_));
  continue_in(std::move(next.fd));
  record(Rotated{next.deleted_lines}, now);
  return {};
}

void Journal::continue_in(UniqueFd file) {
  fd_ = std::move(file);
  size_ = 0;
  cut_short_ = false;
}

void Journal::record(const Event& event, Time now) noexcept {
  note(event, now);
  flush();
}

void Journal::note(const Event& event, Time now) noexcept {
  if (!fd_.valid() && !copy_.valid()) return;
  std::array<char, limits::line_octets> room;
  const std::string_view line = render(event, now, room, road_);
  if (noted_.size() - 1 + line.size() > limits::octets_at_once) flush();
  noted_ += line;
  noted_at_ = now;
}

void Journal::flush() noexcept {
  if (copy_.valid()) send_copy();
  if (noted_.size() <= 1) return;
  if (fd_.valid()) write_noted();
  noted_.resize(1);
}

void Journal::send_copy() {
  const auto is_sent = [this](std::string_view lines) {
    return ::send(copy_.get(), lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  };
  if (unreported_in_copy_ > 0) {
    std::array<char, limits::line_octets> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    if (is_sent(render(EventsLost{unreported_in_copy_}, noted_at_, room, road_))) unreported_in_copy_ = 0;
  }
  const std::string_view lines = std::string_view(noted_).substr(1);
  if (lines.empty()) return;
  if (unreported_in_copy_ > 0 || !is_sent(lines)) unreported_in_copy_ += count_lines(noted_);
}

void Journal::write_noted() {
  if (unreported_ > 0 && write_lost()) unreported_ = 0;
  const size_t lost = count_lines(noted_) - (unreported_ == 0 ? write(noted_) : 0);
  lost_ += lost;
  unreported_ += lost;
}

bool Journal::write_lost() {
  std::array<char, 1 + limits::line_octets> room;
  room[0] = '\n';
  const std::string_view line =
      render(EventsLost{unreported_}, noted_at_, std::span(room).subspan<1>(), road_);
  return write({room.data(), 1 + line.size()}) == 1;
}

// Returns the number of lines that were written whole.
size_t Journal::write(std::string_view lines) {
  if (!has_room_for(lines.size())) return 0;
  // Write the leading newline only if the file ends within a line. A pipe still accepts the write
  // whole: a cut line counts as lost, so the write that ends it is a short events_lost line.
  const size_t first = cut_short_ || within_a_line() ? 0 : 1;
  const ssize_t taken = try_write(lines.substr(first));
  if (taken <= 0) return 0;
  size_ += static_cast<uint64_t>(taken);
  const std::string_view written = lines.substr(0, first + static_cast<size_t>(taken));
  // Try to end a cut line at once: another process may write before our next line.
  cut_short_ = !written.ends_with('\n') && try_write("\n") != 1;
  return count_lines(written);
}

bool Journal::has_room_for(size_t octets) {
  struct stat status{};
  if (bound_.octets() == 0 || ::fstat(fd_.get(), &status) != 0) return true;
  size_ = static_cast<uint64_t>(status.st_size);
  return bound_.allows(size_ + octets);
}

ssize_t Journal::try_write(std::string_view octets) const {
  if (way_ == Way::poll && !is_writable(fd_)) return -1;
  ssize_t written = 0;
  do {
    written = way_ == Way::send ? ::send(fd_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                : ::write(fd_.get(), octets.data(), octets.size());
  } while (written < 0 && errno == EINTR);
  return written;
}

// Whether the file ends in a line that was cut short. The file also ends within a line while
// another process is writing one. Then it grows, so look again: only an unchanged end counts.
bool Journal::within_a_line() const {
  if (way_ != Way::append_after) return false;
  off_t seen = 0;
  for (int look = 0; look < 3; ++look) {
    struct stat status{};
    char last = '\n';
    if (::fstat(fd_.get(), &status) != 0 || status.st_size == 0) return false;
    if (::pread(fd_.get(), &last, 1, status.st_size - 1) != 1 || last == '\n') return false;
    if (status.st_size == seen) return true;
    seen = status.st_size;
    ::sched_yield();
  }
  return false;
}

}  // namespace ostiary::audit
