// audit/journal.h: writes the audit's lines.
// - It never fails its caller, and waits for nobody: a line that cannot be written at once (disk full, pipe
//   closed or full) is counted, and the next one that can be written has an events_lost event before it.
// - Lines are whole in one write(2) of at most limits::octets_at_once. Where one was cut short, by us or by
//   another who writes to the same file, the next line begins on a line of its own.
// - Several processes may write to one file: each with a descriptor that it inherited.
// - A line whose road the agent shares says so, and is no evidence. Whether it does is seen from where the
//   descriptors of standard input, output and error lead, which the agent has: not from how the target was
//   named. Nothing in such a line could prove where it is from, since what reads along can copy it; so
//   evidence takes a file or descriptor of the audit's own.
// - A file of ours is bounded: one process begins new files (begin_new_file), the others are handed them
//   (continue_in), and none writes more into one than it may hold, whatever the other does.
// The caller ignores or blocks SIGPIPE and SIGXFSZ; a broken pipe or a file at its limit would end the
// process otherwise. Not for several threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "ostiary/audit/event.h"
#include "ostiary/audit/file_bound.h"
#include "ostiary/audit/target.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::audit {

class Journal {
 public:
  static Result<Journal> open(const Target& target, FileBound bound);
  // Appends to a regular file of ours, mode 0640, that nobody else can replace; makes it and the directories
  // above it (0755) where they are missing. Requires a path as in ToFile.
  static Result<Journal> to_file(const std::string& path, FileBound bound = FileBound::none());
  // A file, pipe, socket or terminal. Its flags, which others may share, stay as they are.
  static Result<Journal> to_fd(UniqueFd fd, FileBound bound = FileBound::none());
  static Result<Journal> to_standard_error();
  // A descriptor that the program was started with, which from then on is the journal's alone.
  static Result<Journal> to_descriptor(int number);
  static Journal none() { return {}; }

  void record(const Event& event, Time now) noexcept;
  // For many events at once: what was noted is written by flush(), or when it grows too long for one write.
  void note(const Event& event, Time now) noexcept;
  void flush() noexcept;

  // Events that could not be written, since the beginning.
  uint64_t lost() const { return lost_; }
  // For a child process to inherit and give to to_fd(); -1 of none().
  int fd() const { return fd_.get(); }
  AuditRoad road() const { return road_; }
  FileBound bound() const { return bound_; }

  // Whether a new file is due, by what was seen when a line was last written.
  bool wants_new_file() const { return bound_.is_due(size_); }
  // Where one is due: the file becomes FILE.1, that one FILE.2, and the oldest is deleted; what that held is
  // told in the new one. Of to_file() alone; of others nothing happens.
  Result<> begin_new_file(Time now);
  // What another process began.
  void continue_in(UniqueFd file);

 private:
  // How to write without waiting.
  enum class Way : uint8_t {
    append,        // a file: the disk takes the line or refuses it
    append_after,  // and how the file ends can be seen
    send,          // a socket
    write,         // what does not block
    poll,          // what may block, and is asked first; another who writes to it may get in between
  };

  Journal() = default;
  Journal(UniqueFd fd, Way way, FileBound bound);

  bool has_room_for(size_t octets);
  size_t write(std::string_view lines);
  bool write_lost();
  // Octets that were written, or less than 0.
  ssize_t try_write(std::string_view octets) const;
  bool within_a_line() const;

  UniqueFd fd_;
  Way way_ = Way::append;
  AuditRoad road_ = AuditRoad::own;
  FileBound bound_ = FileBound::none();
  uint64_t size_ = 0;        // of the file, as it was last seen
  UniqueFd directory_ = {};  // of a file that we may rename, with its name
  std::string name_ = {};
  bool cut_short_ = false;    // our last line has no end
  std::string noted_ = "\n";  // lines, behind what ends the line of another
  Time noted_at_{};
  uint64_t lost_ = 0;
  uint64_t untold_ = 0;  // lost, and no events_lost says so yet
};

}  // namespace ostiary::audit
