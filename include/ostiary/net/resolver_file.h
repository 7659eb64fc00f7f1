// net/resolver_file.h: /etc/resolv.conf, pointed at the gate and back.
// It is written in place, since containers mount it as a file. The original stays in it behind
// "#ostiary ", so that the next boot finds it even if this one ends without a chance to put it
// back. A full file system does not take the original away: the file keeps its blocks until it is
// put back.
#pragma once

#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::net {

inline constexpr const char* resolver_path = "/etc/resolv.conf";

// The text as it was before any boot of ours.
std::string original_of(std::string_view text);
// The text that asks the gate first and only, with the original's search list and options. It is
// longer than the original, so that putting the original back takes no space.
std::string pointed_at_gate(std::string_view original);

class ResolverFile {
 public:
  // Reads it; a file that is missing is empty.
  static Result<ResolverFile> read(std::string path);

  const std::string& original() const { return original_; }
  // After an error the file holds the original, unless the error says otherwise.
  Result<> point_at_gate();
  // Restores the original, also over a text of a root agent: otherwise the agent would choose the
  // resolver of the next boot. After an error the file holds the text that points at the gate, or
  // nothing if the agent has changed that text.
  Result<> put_back() const;

 private:
  ResolverFile(std::string path, std::string original)
      : path_(std::move(path)), original_(std::move(original)) {}
  std::string path_;
  std::string original_;
  UniqueFd pointed_;  // the file that was written, even if its path leads elsewhere later
};

}  // namespace ostiary::net
