// selftest/socket_files.h: finds Unix sockets in the file system. A socket that was mounted from
// another network namespace, such as a container engine's, is in no table of the kernel.
#pragma once

#include <string>
#include <vector>

#include "kernel_tables.h"

namespace ostiary::selftest {

namespace limits {
inline constexpr size_t places = 64;  // mounts included

struct FileSearch {
  size_t depth;        // of directories below the place
  size_t directories;  // in total
  size_t entries;
};
inline constexpr FileSearch thorough{3, 256, 4096};
inline constexpr FileSearch brief{1, 64, 512};
static_assert(brief.depth < thorough.depth && brief.directories < thorough.directories &&
              brief.entries < thorough.entries && thorough.directories <= thorough.entries);
}  // namespace limits

// The path with the links of its directory followed. A link in its last part stays. The path itself
// if it has no such directory.
std::string with_real_directory(const std::string& path);

struct SocketFiles {
  std::vector<std::string> paths;
  std::vector<std::string> cut_short;   // places that hold more than the limits allow to search
  bool has_closed_directories = false;  // directories that this process may not read
};

// Searches the places and every mount, except file systems that hold no sockets or whose server may
// not answer. Links are not followed, except if a place itself is one.
SocketFiles find_socket_files(const std::vector<std::string>& places, const std::vector<Mount>& mounts);

}  // namespace ostiary::selftest
