// net/hosts.h: network namespaces for tests. Each is a host.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "ostiary/base/unique_fd.h"

namespace ostiary::test {

// Prints the reason and returns "no" if namespaces cannot be made.
inline bool can_make_hosts() {
  if (::geteuid() == 0) {
    const UniqueFd self{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    if (::unshare(CLONE_NEWNET) == 0) return ::setns(self.get(), CLONE_NEWNET) == 0;
  }
  MESSAGE("skipped: needs root (or `unshare -Ur`) to make network namespaces");
  return false;
}

// The same for operations that need the real root: other users, and buffers beyond the limit.
inline bool can_make_hosts_as_real_root() {
  std::ifstream map("/proc/self/uid_map");
  unsigned long first = 1, outside = 1, count = 0;
  map >> first >> outside >> count;
  if (first == 0 && outside == 0 && count > 65534) return can_make_hosts();
  MESSAGE("skipped: needs root, not in a user namespace");
  return false;
}

// Runs a shell command. The test fails if the command fails.
inline void run(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

inline std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "re");
  REQUIRE(pipe != nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
  ::pclose(pipe);
  return text;
}

// A network namespace with `lo` up. It exists as long as this object.
class Host {
 public:
  Host() {
    const UniqueFd before{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    fd_ = UniqueFd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    run("ip link set lo up");
    REQUIRE(::setns(before.get(), CLONE_NEWNET) == 0);
  }
  int fd() const { return fd_.get(); }
  // The path that iproute2 accepts as a namespace.
  std::string path() const { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd()); }

 private:
  UniqueFd fd_;
};

// The calling thread is on that host until the end of the scope.
class On {
 public:
  explicit On(const Host& host) : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::setns(host.fd(), CLONE_NEWNET) == 0);
  }
  On(const On&) = delete;
  On& operator=(const On&) = delete;
  ~On() { ::setns(before_.get(), CLONE_NEWNET); }

 private:
  UniqueFd before_;
};

// Two hosts on one link: 192.0.2.1 and 2001:db8::1 are inside, .2 and ::2 outside. The outside host
// is the default route of the inside one, and also has the addresses 198.51.100.1, 198.51.100.2 and
// 2001:db8:1::1.
struct Wire {
  Wire() {
    {
      const On on(inside);
      // The kernel takes up to a second to bring up a link whose ends have the same index.
      run("ip link add wire index 77 type veth peer name wire netns " + outside.path());
      run("ip addr add 192.0.2.1/24 dev wire && ip addr add 2001:db8::1/64 dev wire nodad && ip link set "
          "wire up");
    }
    {
      const On on(outside);
      run("ip addr add 192.0.2.2/24 dev wire && ip addr add 2001:db8::2/64 dev wire nodad && ip link set "
          "wire up");
      run("ip addr add 198.51.100.1/32 dev lo && ip addr add 198.51.100.2/32 dev lo");
      run("ip addr add 2001:db8:1::1/128 dev lo nodad");
    }
    const On on(inside);
    run("ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8::2");
  }
  Host inside;
  Host outside;
};

}  // namespace ostiary::test
