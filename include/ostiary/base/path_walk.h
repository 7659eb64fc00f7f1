// base/path_walk.h: opens a path that the operator names, where the agent may have left a symbolic
// link.
// - The walk looks up one component at a time and judges each link before it follows it, so no
//   other process can exchange a component between the check and its use.
// - A link of /proc to an open file, such as /proc/self/fd/3, leads to that file, wherever it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

// The id of the mount that holds an open file. Nothing before Linux 5.8.
std::optional<uint64_t> mount_of(int fd);

enum class Follow : uint8_t {
  // Links of root and of the user that this process runs as.
  links_of_root_or_ours,
  // Links of root that no other user could have put there: root owns every directory on the way,
  // and no group and no other user may write to one, even if it is sticky.
  links_that_only_root_could_make,
};

enum class Writable : uint8_t { no, yes };

// A file, directory or link on the way, and the directory that holds it.
struct PathStep {
  std::string path;  // without links
  struct stat directory{};
  struct stat entry{};
  // Whether the mounts permit it, for a user with the permissions: to write to the entry, and to
  // put another in its place. No user can do that to a mount point.
  Writable content = Writable::yes;
  Writable place = Writable::yes;
};

class PathWalk {
 public:
  explicit PathWalk(Follow follow) : follow_(follow) {}

  // Opens what the path leads to, with these flags of open(). A link that is not followed is an
  // error of Exit::not_permitted. Call it once.
  Result<UniqueFd> open(const std::string& path, int flags);

  // After open(), even if it failed:
  const std::vector<PathStep>& steps() const { return steps_; }
  // The path of the link that was not followed.
  const std::optional<std::string>& unfollowed() const { return unfollowed_; }
  // The path of a directory that was opened, without links.
  std::string directory() const;

 private:
  struct Place {
    std::string path;  // empty: the root
    UniqueFd fd;
    struct stat status{};
  };

  Result<UniqueFd> walk(int flags);
  Result<UniqueFd> open_last(const std::string& name, int flags, const Place& entry);
  Result<UniqueFd> open_kernel_link(const std::string& name, int flags);
  Result<> follow(const Place& link);
  Result<> check_owner(const Place& link);
  void enter(Place directory);
  void note(const Place& entry);
  std::string take_component();
  std::unexpected<Error> system_error() const;

  Follow follow_;
  std::string given_;               // as the operator wrote it
  std::string rest_;                // of the path, still to walk
  std::vector<Place> directories_;  // from the root to where the walk is
  size_t links_ = 0;
  bool only_root_could_change_ = true;  // a directory on the way
  std::vector<PathStep> steps_;
  std::optional<std::string> unfollowed_;
};

}  // namespace ostiary
