// audit/journal.h: writes the audit's lines.
// - Writing never fails the caller and never blocks. A line that cannot be written at once (disk
//   full, pipe closed or full) is counted as lost. An events_lost event precedes the next line that
//   is written.
// - Each write(2) has whole lines, at most limits::octets_at_once. If this process or another
//   writer of the file has cut a line short, the next line begins after a newline.
// - Several processes may write to one file, each through a descriptor that it inherited.
// - If the agent can write to the same file, pipe or terminal, every line has a field for this
//   (AuditRoad::shared). Such a line is not evidence: the agent can forge it, and it could copy any
//   proof of origin. Evidence requires a file or descriptor that only the audit has.
// - The journal compares its file with standard input, output and error, which the agent has. It
//   does not rely on the name of the target.
// - A file that we opened has a maximum size. One process begins new files (begin_new_file) and
//   passes them to the others (continue_in). No process writes beyond the maximum.
// - The caller must ignore or block SIGPIPE and SIGXFSZ. Otherwise a broken pipe or a file at its
//   limit ends the process.
// - The lines can go to a socket as well, each write as one datagram (copy_to). What one of the two does not
//   take, the other may.
// - A Journal is not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

#include "ostiary/audit/event.h"
#include "ostiary/audit/target.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::audit {

// Not a library for logs: such libraries write through stdio, so a killed gate would lose the
// buffered lines, lost lines could not be counted, and a full pipe would block. The JSON writer is
// our own too (line.h): a JSON value on the heap costs several times as much as the line.
class Journal {
 public:
  static Result<Journal> open(const Target& target, FileBound bound);
  // Appends to a regular file of our user, mode 0640, that no other user can replace. Creates the
  // file and its parent directories (0755) if they are missing. Requires a path as in ToFile.
  static Result<Journal> to_file(const std::string& path, FileBound bound = FileBound::none());
  // Accepts a file, pipe, socket or terminal. Does not change its flags, which other processes may
  // share.
  static Result<Journal> to_fd(UniqueFd fd, FileBound bound = FileBound::none());
  static Result<Journal> to_standard_error();
  // Takes over a descriptor that the program was started with.
  static Result<Journal> to_descriptor(int number);
  static Journal none() { return {}; }

  void record(const Event& event, Time now) noexcept;
  // For many events at once. flush() writes the noted lines. So does note() when they get too long
  // for one write.
  void note(const Event& event, Time now) noexcept;
  void flush() noexcept;

  // Sends all further lines to this socket of whole datagrams too, even if there is no file. What it does not
  // take at once is counted, and an events_lost event precedes the next line that it takes. flush() tries that event
  // again if no line is noted.
  void copy_to(UniqueFd socket) { copy_ = std::move(socket); }

  // The total number of events that could not be written.
  uint64_t lost() const { return lost_; }
  // A child process inherits it and passes it to to_fd(). -1 for none().
  int fd() const { return fd_.get(); }
  AuditRoad road() const { return road_; }
  FileBound bound() const { return bound_; }

  // Whether a new file is due, by the size at the last write.
  bool wants_new_file() const { return bound_.is_due(size_); }
  // If a new file is due: renames FILE to FILE.1, FILE.1 to FILE.2 and so on, deletes the oldest
  // file, and records in the new one how many lines were deleted. Does nothing unless to_file()
  // made this journal.
  Result<> begin_new_file(Time now);
  // Continues in a file that another process began.
  void continue_in(UniqueFd file);

 private:
  // How to write without blocking.
  enum class Way : uint8_t {
    append,        // a file: write() does not block
    append_after,  // a file that is readable too, so that its end can be checked
    send,          // a socket
    write,         // a non-blocking descriptor
    poll,          // may block; is polled first, but another writer can fill it in between
  };

  Journal() = default;
  Journal(UniqueFd fd, Way way, FileBound bound);

  void send_copy();
  void write_noted();
  bool has_room_for(size_t octets);
  size_t write(std::string_view lines);
  bool write_lost();
  // Returns the number of octets written, or a negative number.
  ssize_t try_write(std::string_view octets) const;
  bool within_a_line() const;

  UniqueFd fd_;
  Way way_ = Way::append;
  AuditRoad road_ = AuditRoad::own;
  FileBound bound_ = FileBound::none();
  uint64_t size_ = 0;        // the size of the file at the last check
  UniqueFd directory_ = {};  // the directory of a file that we may rename; name_ is its name there
  std::string name_ = {};
  bool cut_short_ = false;    // our last line has no newline
  std::string noted_ = "\n";  // a newline, which can end an incomplete line, and then the noted lines
  Time noted_at_{};
  uint64_t lost_ = 0;
  uint64_t unreported_ = 0;  // lost events that no events_lost event reports yet
  UniqueFd copy_ = {};
  uint64_t unreported_in_copy_ = 0;  // likewise, in the copy
};

}  // namespace ostiary::audit
