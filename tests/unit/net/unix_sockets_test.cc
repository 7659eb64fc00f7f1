#include "ostiary/net/unix_sockets.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/hosts.h"
#include "ostiary/base/unique_fd.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::net;
using namespace std::string_literals;

namespace {

// The size counts: an abstract name may end with a zero octet, and a path needs none.
int with_address(const std::string& name, const std::function<int(const sockaddr*, socklen_t)>& call) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return call(reinterpret_cast<const sockaddr*>(&address), size);
}

UniqueFd bound(int type, const std::string& name) {
  UniqueFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
  with_address(name, [&](auto... address) { return ::bind(fd.get(), address...); });
  return fd;
}

UniqueFd listening(int type, const std::string& name) {
  UniqueFd fd = bound(type, name);
  ::listen(fd.get(), 1);
  return fd;
}

int connect(const UniqueFd& fd, const std::string& name) {
  return with_address(name, [&](auto... address) { return ::connect(fd.get(), address...); });
}

using Names = std::vector<std::string>;

Names names_of(const std::vector<UnixSocket>& sockets) {
  Names names;
  for (const UnixSocket& socket : sockets) names.push_back(socket.name);
  return names;
}

// The sockets that are found in a new network, after `prepare` has run there.
Names found_in_new_network(const std::function<std::vector<UniqueFd>()>& prepare) {
  Names found{"the thread did not run"};
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const std::vector<UniqueFd> sockets = prepare();
    const auto listed = connectable_unix_sockets();
    found = listed ? names_of(*listed) : Names{listed.error().message};
  }).join();
  std::ranges::sort(found);
  return found;
}

template <typename... Fd>
std::vector<UniqueFd> all(Fd... fd) {
  std::vector<UniqueFd> sockets;
  (sockets.push_back(std::move(fd)), ...);
  return sockets;
}

}  // namespace

TEST_SUITE("net/unix_sockets") {
  TEST_CASE("listening sockets and datagram sockets are found by their whole names") {
    if (!test::can_make_hosts()) return;
    const testing::Scratch scratch;
    const std::string stream = scratch.path("a b\n"), packets = scratch.path("p"),
                      datagrams = scratch.path("d");
    std::string longest = scratch.path("l");
    longest.resize(sizeof sockaddr_un::sun_path, 'x');
    Names expected{stream, packets, datagrams, longest, "\0one\0@\0"s, "\0two"s};
    std::ranges::sort(expected);
    CHECK(found_in_new_network([&] {
            return all(listening(SOCK_STREAM, stream), listening(SOCK_SEQPACKET, packets),
                       bound(SOCK_DGRAM, datagrams), listening(SOCK_STREAM, longest),
                       listening(SOCK_STREAM, "\0one\0@\0"s), bound(SOCK_DGRAM, "\0two"s));
          }) == expected);
  }

  TEST_CASE("a client socket is not found, with or without a name or connection") {
    if (!test::can_make_hosts()) return;
    CHECK(found_in_new_network([] {
            UniqueFd server = listening(SOCK_STREAM, "\0server"s);
            UniqueFd client = bound(SOCK_STREAM, "\0client"s);
            connect(client, "\0server"s);
            UniqueFd accepted{::accept(server.get(), nullptr, nullptr)};
            return all(std::move(server), std::move(client), std::move(accepted),
                       bound(SOCK_STREAM, "\0idle"s), bound(SOCK_DGRAM, ""),
                       UniqueFd{::socket(AF_UNIX, SOCK_DGRAM, 0)});
          }) == Names{"\0server"s});
  }

  // A connect changes its state, but other clients can still send to it.
  TEST_CASE("a datagram socket is found also when a client is connected to it") {
    if (!test::can_make_hosts()) return;
    CHECK(found_in_new_network([] {
            UniqueFd server = bound(SOCK_DGRAM, "\0log"s);
            UniqueFd client{::socket(AF_UNIX, SOCK_DGRAM, 0)};
            connect(client, "\0log"s);
            return all(std::move(server), std::move(client));
          }) == Names{"\0log"s});
  }

  TEST_CASE("a socket is listed with its inode and its file, wherever that is now") {
    const testing::Scratch scratch;
    const UniqueFd service = listening(SOCK_STREAM, scratch.path("before"));
    std::filesystem::rename(scratch.path("before"), scratch.path("after"));
    struct stat socket{};
    REQUIRE(::fstat(service.get(), &socket) == 0);
    const auto sockets = connectable_unix_sockets();
    REQUIRE(sockets);
    const auto found = std::ranges::find(*sockets, socket.st_ino, &UnixSocket::inode);
    REQUIRE(found != sockets->end());
    CHECK(found->name == scratch.path("before"));
    REQUIRE(found->file);
    const struct stat file = testing::status_of(scratch.path("after"));
    CHECK(found->file->inode == static_cast<uint32_t>(file.st_ino));
    CHECK(found->file->device == file.st_dev);
  }

  TEST_CASE("hundreds of sockets are found") {
    if (!test::can_make_hosts()) return;
    constexpr size_t many = 700;
    const auto services = [] {
      std::vector<UniqueFd> sockets;
      while (sockets.size() < many)
        sockets.push_back(
            listening(SOCK_STREAM, "\0a service of a long name "s + std::to_string(sockets.size())));
      return sockets;
    };
    CHECK(found_in_new_network(services).size() == many);
  }

  TEST_CASE("a /proc that shows only processes is enough") {
    if (!test::can_make_hosts()) return;
    CHECK(found_in_new_network([] {
            const bool hidden = ::unshare(CLONE_NEWNS) == 0 &&
                                ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                                ::mount("proc", "/proc", "proc", 0, "subset=pid") == 0 &&
                                ::access("/proc/net/unix", F_OK) != 0;
            return hidden ? all(listening(SOCK_STREAM, "\0service"s)) : std::vector<UniqueFd>();
          }) == Names{"\0service"s});
  }
}
