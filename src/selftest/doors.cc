#include "doors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <set>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel_tables.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/net/unix_sockets.h"
#include "socket_files.h"
#include "socket_places.h"

namespace ostiary::selftest {

namespace limits {
constexpr size_t table = size_t{16} * 1024 * 1024;
constexpr size_t named = 16;  // sockets that an error names
}  // namespace limits

namespace {

constexpr const char* socket_table = "/proc/net/unix";
constexpr const char* mount_table = "/proc/self/mountinfo";

struct Address {
  sockaddr_un value{};
  socklen_t size = 0;
};

Address address_of(const SocketName& name) {
  Address address;
  address.value.sun_family = AF_UNIX;
  const size_t length = std::min(name.octets().size(), sizeof address.value.sun_path);
  name.octets().copy(address.value.sun_path, length);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  return address;
}

// Whether the service accepts a socket of that type. The service sees a connection that ends at
// once; of a datagram socket it sees nothing. A full queue (EAGAIN) will have room. For a service
// of another type, connect() returns EPROTOTYPE, or does not find an abstract name. If the type
// cannot be tried, the service counts as open.
bool accepts(int type, const Address& address) {
  const UniqueFd fd{::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!fd.valid()) return true;
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.value), address.size) == 0 ||
         errno == EAGAIN;
}

bool address_lets_in(const Address& address) {
  return std::ranges::any_of(std::array{SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM},
                             [&address](int type) { return accepts(type, address); });
}

// An address holds 108 octets of a path. A process can connect to a longer path by a relative path,
// or through a descriptor of the socket's file. Links are followed, as in connect().
bool long_path_lets_in(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!file.valid()) return errno != EACCES && errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  if (::access(link.c_str(), F_OK) != 0) return true;  // it cannot be tried
  return address_lets_in(address_of(SocketName(link)));
}

bool lets_in(const SocketName& name) {
  if (name.octets().size() > sizeof(sockaddr_un::sun_path)) return long_path_lets_in(name.octets());
  return address_lets_in(address_of(name));
}

std::string list(const std::vector<SocketName>& names) {
  std::vector<std::string> texts;
  for (const SocketName& name : std::span(names).first(std::min(names.size(), limits::named)))
    texts.push_back(name.text());
  std::string text = join(texts, ", ");
  if (names.size() > limits::named) text += " and " + std::to_string(names.size() - limits::named) + " more";
  return text;
}

// Over netlink, or if the kernel has no unix_diag, from its table in /proc.
Result<std::vector<net::UnixSocket>> listed_sockets() {
  auto sockets = net::connectable_unix_sockets();
  if (sockets) return sockets;
  const auto table = read_file(socket_table, limits::table);
  if (table) return connectable_sockets(*table);
  return fail(Exit::unavailable, sockets.error().message + ", or mount all of /proc, without subset=pid (" +
                                     table.error().message + ")");
}

// The flag that accepts the socket, for a shell: the agent may have chosen the name. Empty if no
// flag can name it.
std::string flag_for(const SocketName& name) {
  const std::string text = name.text();
  if (text.find_first_of("',*") != text.npos) return {};
  const bool is_plain = std::ranges::all_of(
      text, [](char c) { return is_letter(c) || is_digit(c) || std::string_view("/@._-+:=%").contains(c); });
  return is_plain ? " --allow-socket " + text : " --allow-socket '" + text + "'";
}

Finding found_open(const std::vector<SocketName>& open) {
  std::string flags;
  for (const SocketName& name : std::span(open).first(std::min(open.size(), limits::named)))
    flags += flag_for(name);
  return escaped("the agent can connect to " + list(open) +
                 ", whose service can do for it what the rules forbid: run the agent as a user without "
                 "access, " +
                 (flags.empty() ? "or remove the socket" : "remove the socket, or accept it with" + flags));
}

// The places of both searches. The parts of a place that both cut short are united.
std::vector<CutShort> both(std::vector<CutShort> all, const std::vector<CutShort>& more) {
  for (const CutShort& each : more) {
    const auto known = std::ranges::find(all, each.place, &CutShort::place);
    if (known == all.end())
      all.push_back(each);
    else
      std::ranges::copy(each.searched, std::back_inserter(known->searched));
  }
  return all;
}

std::vector<Unread> both(std::vector<Unread> all, const std::vector<Unread>& more) {
  for (const Unread& each : more)
    if (std::ranges::find(all, each.place, &Unread::place) == all.end()) all.push_back(each);
  return all;
}

std::string describe(const Unread& unread) {
  return unread.place + " (" + std::strerror(unread.error) + ")";
}

std::string summary(size_t tried, size_t waived, const Doors& doors) {
  std::string text = "none of " + std::to_string(tried) + " lets the agent in";
  if (waived > 0) text += "; " + std::to_string(waived) + " that --allow-socket names not tried";
  if (!doors.not_found.empty()) text += "; " + list(doors.not_found) + " could not be found, so not tried";
  for (const CutShort& each : doors.cut_short) text += "; " + each.place + " holds more than was searched";
  for (const Unread& each : doors.unread) text += "; not all of " + describe(each) + " was read";
  return text;
}

bool may_write(const std::string& directory) {
  struct stat is{};
  return ::access(directory.c_str(), W_OK) == 0 ||
         (::stat(directory.c_str(), &is) == 0 && is.st_uid == ::geteuid());
}

std::vector<std::string> warnings_about(const Doors& doors) {
  std::vector<std::string> warnings;
  if (!doors.not_found.empty())
    warnings.push_back(
        "services listen on Unix sockets whose files, or further links to them, could not be found, so the "
        "self-test did not try them: " +
        list(doors.not_found) +
        ". If the agent can see such a file, the service can do for it what the rules forbid. End the "
        "service, or have it bind an absolute path and leave the file there");
  std::vector<std::string> places;
  for (const CutShort& each : doors.cut_short)
    if (std::ranges::any_of(each.searched, may_write)) places.push_back(each.place);
  if (!places.empty())
    warnings.push_back("the agent can write to " + join(places, ", ") +
                       ", which holds more than the self-test searches, so it may miss a Unix socket "
                       "there. Remove files and directories that are not needed, and start again");
  std::vector<std::string> unread;
  for (const Unread& each : doors.unread) unread.push_back(describe(each));
  if (!unread.empty())
    warnings.push_back("the self-test could not read all of " + join(unread, ", ") +
                       ", so it may miss a Unix socket there. Remove the cause, and start again");
  return warnings;
}

}  // namespace

Doors find_doors(const std::string& home) {
  Doors doors;
  const auto sockets = listed_sockets();
  const auto mounted = read_file(mount_table, limits::table);
  std::vector<std::string> places{"/run", "/var/run", "/tmp", "/var/tmp"};
  if (home.starts_with('/') && home != "/") places.push_back(home);
  SocketFiles files = find_socket_files(places, mounted ? mounts(*mounted) : std::vector<Mount>{});
  if (sockets) {
    SocketPlaces found = find_places(*sockets, files.paths);
    doors.names = std::move(found.names);
    doors.not_found = std::move(found.not_found);
  }
  for (std::string& path : files.paths) doors.names.emplace_back(std::move(path));
  if (!sockets) doors.failure = sockets.error().message;
  if (!mounted) doors.failure = mounted.error().message + ": mount /proc";
  doors.cut_short = std::move(files.cut_short);
  doors.unread = std::move(files.unread);
  doors.has_closed_directories = files.has_closed_directories;
  return doors;
}

Finding try_doors(const Doors& by_keeper, const Doors& by_agent, std::span<const SocketWaiver> waivers) {
  std::set<SocketName> names;
  for (const Doors* doors : {&by_keeper, &by_agent}) {
    if (doors->failure) return escaped("it could not be tried: " + *doors->failure);
    for (const SocketName& name : doors->names)
      names.insert(name.is_abstract() ? name : SocketName(with_real_directory(name.octets())));
  }
  std::vector<SocketPattern> patterns;
  for (const SocketWaiver& waiver : waivers) patterns.push_back(waiver.pattern());
  std::vector<SocketName> open;
  size_t waived = 0;
  for (const SocketName& name : names) {
    if (std::ranges::any_of(patterns, [&](const auto& pattern) { return pattern.covers(name); }))
      ++waived;
    else if (lets_in(name))
      open.push_back(name);
  }
  if (!open.empty()) return found_open(open);
  // The keeper finds the file of a listed socket wherever the agent would.
  const Doors all{.not_found = by_keeper.not_found,
                  .cut_short = both(by_keeper.cut_short, by_agent.cut_short),
                  .unread = both(by_keeper.unread, by_agent.unread)};
  Finding finding = held(summary(names.size() - waived, waived, all));
  finding.warnings = warnings_about(all);
  return finding;
}

}  // namespace ostiary::selftest
