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
  size_t entries;      // sockets, directories to search, and what must be looked up to know its type
  size_t names;        // of all files, most of which cost no more than to read the name
};
inline constexpr FileSearch thorough{3, 256, 4096, 65536};
inline constexpr FileSearch brief{1, 64, 512, 8192};
static_assert(brief.depth < thorough.depth && brief.directories < thorough.directories &&
              brief.entries < thorough.entries && thorough.directories <= thorough.entries &&
              brief.names < thorough.names && thorough.entries < thorough.names);
}  // namespace limits

// Resolves the links in the path of the directory, but not a link in the last component. Returns
// the path unchanged if the directory does not exist.
std::string with_real_directory(const std::string& path);

// A place that holds more than the limits allow to search.
struct CutShort {
  std::string place;
  std::vector<std::string> searched;  // the directories whose files count
};

// A place of which a part could not be read, for another reason than permissions.
struct Unread {
  std::string place;
  int error;
};

struct SocketFiles {
  std::vector<std::string> paths;
  std::vector<CutShort> cut_short;
  std::vector<Unread> unread;
  bool has_closed_directories = false;  // directories that this process may not read
};

// Searches the places and every mount, except file systems that hold no sockets or whose server may
// not answer. Links are not followed, except if a place itself is one.
SocketFiles find_socket_files(const std::vector<std::string>& places, const std::vector<Mount>& mounts);

}  // namespace ostiary::selftest
