#include "socket_places.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "kernel_tables.h"
#include "ostiary/base/directory.h"
#include "ostiary/base/path_walk.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/net/socket_holders.h"
#include "socket_files.h"

namespace ostiary::selftest {

namespace limits {
constexpr size_t mountinfo = size_t{16} * 1024 * 1024;
}  // namespace limits

namespace {

// The file of a socket that has a name is searched for in this order:
// 1. at_bound_path(): at the path that the socket was bound to.
// 2. remove_among_files(): among the files that the search of the file system found.
// 3. path_by_process_root_or_cwd(): at the path that the name is to a process that holds the socket.
// 4. renamed_in_same_directory(): in the directory of that path, under another name.

using net::Process;
using net::UnixSocket;

// The device of the file system that holds the path, as the kernel's list of sockets names it.
std::optional<dev_t> device_of(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!file.valid()) return std::nullopt;
  const auto mount = mount_of(file.get());
  const auto mountinfo = read_file("/proc/self/mountinfo", limits::mountinfo);
  return mount && mountinfo ? device_of_mount(*mountinfo, *mount) : std::nullopt;
}

// Links are followed, as in connect(). Nothing if it is no socket.
std::optional<net::SocketFile> socket_at(const std::string& path) {
  struct stat is{};
  if (::stat(path.c_str(), &is) != 0 || !S_ISSOCK(is.st_mode)) return std::nullopt;
  return net::SocketFile{.device = is.st_dev, .inode = static_cast<uint32_t>(is.st_ino)};
}

bool is_file_of(const UnixSocket& socket, const net::SocketFile& file, const std::string& path) {
  return socket.file && file.inode == socket.file->inode &&
         (file.device == socket.file->device || device_of(path) == socket.file->device);
}

// If the kernel's list has no inode, any socket at that path counts.
bool is_at(const UnixSocket& socket, const std::string& path) {
  const auto file = socket_at(path);
  return file && (!socket.file || is_file_of(socket, *file, path));
}

bool at_bound_path(const UnixSocket& socket) {
  return socket.name.starts_with('/') && is_at(socket, socket.name);
}

// The path of the socket in that directory.
std::optional<std::string> renamed_in_same_directory(const std::string& directory, const UnixSocket& socket) {
  const Directory open(socket.file ? ::opendir((directory + "/").c_str()) : nullptr);
  if (open == nullptr) return std::nullopt;
  size_t names = 0;
  while (const dirent* entry = ::readdir(open.get())) {
    if (++names > limits::thorough.names) break;
    if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN) continue;
    std::string path = directory + "/" + entry->d_name;
    if (is_at(socket, path)) return path;
  }
  return std::nullopt;
}

std::string below(const std::string& directory, std::string_view path) {
  return (directory.ends_with('/') ? directory.substr(0, directory.size() - 1) : directory) + "/" +
         std::string(path.substr(std::min(path.find_first_not_of('/'), path.size())));
}

// "/proc/self/fd/5/control.sock", as a service writes a path that is too long for an address.
std::optional<std::string> below_descriptor(std::string_view name, const Process& process) {
  for (const std::string_view prefix : {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"}) {
    if (!name.starts_with(prefix)) continue;
    const size_t end = std::min(name.find('/', prefix.size()), name.size());
    const std::string directory =
        process.link("fd/" + std::string(name.substr(prefix.size(), end - prefix.size())));
    if (directory.starts_with('/')) return below(directory, name.substr(end));
  }
  return std::nullopt;
}

// The path that the name is to the process: a name may be relative, the process may have a root
// directory of its own, or the name may lead through a descriptor. Empty if it cannot be read.
std::string path_by_process_root_or_cwd(std::string_view name, const Process& process) {
  if (const auto path = below_descriptor(name, process)) return *path;
  const std::string start = process.link(name.starts_with('/') ? "root" : "cwd");
  return start.starts_with('/') ? below(start, name) : std::string();
}

std::optional<std::string> find_by(const Process& process, const UnixSocket& socket) {
  const std::string path = path_by_process_root_or_cwd(socket.name, process);
  if (path.empty()) return std::nullopt;
  return is_at(socket, path) ? path : renamed_in_same_directory(path.substr(0, path.rfind('/')), socket);
}

bool is_abstract(const UnixSocket& socket) {
  return socket.name.starts_with('\0');
}

// A further link can be anywhere, in a directory that lets the agent in. Links are followed.
bool has_other_links(const std::string& path) {
  struct stat is{};
  return ::stat(path.c_str(), &is) != 0 || is.st_nlink > 1;
}

void add_not_found(SocketPlaces& places, SocketName name) {
  if (std::ranges::find(places.not_found, name) == places.not_found.end())
    places.not_found.push_back(std::move(name));
}

void add(SocketPlaces& places, const UnixSocket& socket, const std::string& path) {
  // Without links, because /proc/self/fd/N is another directory to the agent.
  places.names.emplace_back(with_real_directory(path));
  if (has_other_links(path)) add_not_found(places, SocketName(socket.name));
}

// Removes those whose files are among these. The caller tries the files, but not their other links.
void remove_among_files(std::vector<UnixSocket>& sockets, const std::vector<std::string>& files,
                        SocketPlaces& places) {
  for (const std::string& path : files) {
    const auto file = socket_at(path);
    if (!file) continue;
    std::erase_if(sockets, [&](const UnixSocket& socket) { return is_file_of(socket, *file, path); });
    if (has_other_links(path)) add_not_found(places, SocketName(path));
  }
}

// Removes those that a process holds and whose files are found.
void remove_found_by_processes(std::vector<UnixSocket>& sockets, SocketPlaces& places) {
  net::for_each_open_socket([&](const Process& process, uint64_t inode) {
    std::erase_if(sockets, [&](const UnixSocket& socket) {
      const auto path = socket.inode == inode ? find_by(process, socket) : std::nullopt;
      if (path) add(places, socket, *path);
      return path.has_value();
    });
    return sockets.empty() ? net::Next::stop : net::Next::go_on;
  });
}

}  // namespace

SocketPlaces find_places(const std::vector<UnixSocket>& listed, const std::vector<std::string>& files) {
  SocketPlaces places;
  std::vector<UnixSocket> elsewhere;
  for (const UnixSocket& socket : listed) {
    if (at_bound_path(socket))
      add(places, socket, socket.name);
    else if (!is_abstract(socket))
      elsewhere.push_back(socket);
    if (socket.name.starts_with('/') || is_abstract(socket)) places.names.emplace_back(socket.name);
  }
  remove_among_files(elsewhere, files, places);
  if (!elsewhere.empty()) remove_found_by_processes(elsewhere, places);
  for (UnixSocket& socket : elsewhere) add_not_found(places, SocketName(std::move(socket.name)));
  return places;
}

}  // namespace ostiary::selftest
