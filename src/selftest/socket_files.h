// socket_files.h: where sockets lie in the file system. A socket that was mounted from another network
// namespace, such as a container engine's, is in no table of the kernel's.
#pragma once

#include <string>
#include <vector>

#include "kernel_tables.h"

namespace ostiary::selftest {

namespace limits {
inline constexpr size_t places = 64;  // mounts included

struct FileSearch {
  size_t depth;        // of directories below the place
  size_t directories;  // all together
  size_t entries;
};
inline constexpr FileSearch thorough{3, 256, 4096};
inline constexpr FileSearch brief{1, 64, 512};
static_assert(brief.depth < thorough.depth && brief.directories < thorough.directories &&
              brief.entries < thorough.entries && thorough.directories <= thorough.entries);
}  // namespace limits

struct SocketFiles {
  std::vector<std::string> paths;
  std::vector<std::string> cut_short;   // places with more in them than the limits let look at
  bool has_closed_directories = false;  // that this process may not read
};

// In these places and on every mount, but for file systems that hold no sockets or whose server may be
// silent. Links are not followed, but for a place's own.
SocketFiles find_socket_files(const std::vector<std::string>& places, const std::vector<Mount>& mounts);

}  // namespace ostiary::selftest
