// Runs a child of this process under the filter in the kernel.

#include <cerrno>
#include <functional>
#include <string>

#include <doctest/doctest.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/profile.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::confine;

namespace {

constexpr int got_it = 0;
constexpr int no_filter = 255;
constexpr int mptcp = 262, smc = 256, l2tp = 115;

// The errno of a call under the filter, or got_it.
int behind_the_filter(const std::function<long()>& call) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!install_filter(agent_profile())) ::_exit(no_filter);
    ::_exit(call() >= 0 ? got_it : errno);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != no_filter);
  return WEXITSTATUS(status);
}

int socket_error(long family, long type, long protocol) {
  return behind_the_filter([=] { return ::syscall(SYS_socket, family, type, protocol); });
}

}  // namespace

TEST_SUITE("confine/socket_filter") {
  TEST_CASE("Unix and plain IP sockets can be made, with all their flags") {
    for (const int flags : {0, int{SOCK_CLOEXEC}, SOCK_NONBLOCK | SOCK_CLOEXEC}) {
      for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET})
        CHECK(socket_error(AF_UNIX, type | flags, 0) == got_it);
      for (const int family : {AF_INET, AF_INET6}) {
        CHECK(socket_error(family, SOCK_STREAM | flags, 0) == got_it);
        CHECK(socket_error(family, SOCK_STREAM | flags, IPPROTO_TCP) == got_it);
        CHECK(socket_error(family, SOCK_DGRAM | flags, 0) == got_it);
        CHECK(socket_error(family, SOCK_DGRAM | flags, IPPROTO_UDP) == got_it);
      }
    }
    CHECK(behind_the_filter([] {
            int ends[2];
            return ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
          }) == got_it);
  }

  TEST_CASE("only the netlink protocols that programs need can be used") {
    for (const int protocol : {NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC})
      CHECK(socket_error(AF_NETLINK, SOCK_RAW, protocol) == got_it);
    for (const int protocol :
         {NETLINK_AUDIT, NETLINK_USERSOCK, NETLINK_XFRM, NETLINK_CONNECTOR, NETLINK_CRYPTO, NETLINK_RDMA, 31})
      CHECK(socket_error(AF_NETLINK, SOCK_RAW, protocol) == EPROTONOSUPPORT);
  }

  TEST_CASE("no other socket family can be made, alone or in a pair") {
    for (int family = 0; family < 64; ++family) {
      if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
      INFO(family);
      for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET})
        CHECK(socket_error(family, type, 0) == EAFNOSUPPORT);
      CHECK(behind_the_filter([family] {
              int ends[2];
              return ::socketpair(family, SOCK_STREAM, 0, ends);
            }) == EAFNOSUPPORT);
    }
    CHECK(socket_error(-1, SOCK_STREAM, 0) == EAFNOSUPPORT);
    CHECK(socket_error(AF_INET, SOCK_PACKET, 0) == EPROTONOSUPPORT);
  }

  TEST_CASE("no IP protocol whose packets the kernel generates can be used") {
    for (const int family : {AF_INET, AF_INET6})
      for (const int protocol : {mptcp, smc, int{IPPROTO_SCTP}, int{IPPROTO_DCCP}, l2tp})
        for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_DCCP})
          CHECK(socket_error(family, type, protocol) == EPROTONOSUPPORT);
  }

  // The kernel uses the first protocol of the type. A kernel without SCTP and DCCP returns
  // ESOCKTNOSUPPORT.
  TEST_CASE("such a protocol cannot be selected by its socket type either") {
    for (const int family : {AF_INET, AF_INET6})
      for (const int type : {int{SOCK_SEQPACKET}, int{SOCK_DCCP}, SOCK_SEQPACKET | SOCK_CLOEXEC})
        CHECK(socket_error(family, type, 0) == EPROTONOSUPPORT);
  }

  TEST_CASE("no tun or tap device can be attached to") {
    constexpr long above = 1L << 32;
    for (const long request :
         {static_cast<long>(TUNSETIFF), static_cast<long>(TUNSETQUEUE), above | static_cast<long>(TUNSETIFF)})
      CHECK(behind_the_filter([=] { return ::syscall(SYS_ioctl, -1, request, "x"); }) == EPERM);
    CHECK(behind_the_filter([] { return ::syscall(SYS_ioctl, -1, TUNGETIFF, nullptr); }) == EBADF);
  }

  TEST_CASE("nothing can be typed or pasted into a terminal") {
    constexpr long above = 1L << 32;
    constexpr int terminal = 0;  // the filter checks the request, not the descriptor
    for (const long request : {long{TIOCSTI}, long{TIOCLINUX}, above | TIOCSTI})
      CHECK(behind_the_filter([=] { return ::syscall(SYS_ioctl, terminal, request, "x"); }) == EPERM);
    CHECK(behind_the_filter([] { return ::syscall(SYS_ioctl, -1, TIOCGWINSZ, nullptr); }) == EBADF);
  }

  // A kernel without the protocol returns ENOENT too, but EBADF for a descriptor that is not open.
  TEST_CASE("a TCP socket cannot be made to carry SMC or another protocol") {
    for (const char* protocol : {"smc", "tls", "espintcp", "mptcp"})
      CHECK(behind_the_filter([protocol] { return ::setsockopt(-1, IPPROTO_TCP, TCP_ULP, protocol, 4); }) ==
            ENOENT);
    constexpr int yes = 1;
    CHECK(behind_the_filter([&] { return ::setsockopt(-1, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); }) ==
          EBADF);
    CHECK(behind_the_filter([&] { return ::setsockopt(-1, SOL_SOCKET, TCP_ULP, &yes, sizeof yes); }) ==
          EBADF);
  }

  // The kernel reads only this half.
  TEST_CASE("the lower half of each register is checked") {
    constexpr long above = 1L << 32;
    CHECK(socket_error(above | AF_INET, above | SOCK_STREAM, above | IPPROTO_TCP) == got_it);
    CHECK(socket_error(above | AF_VSOCK, SOCK_STREAM, 0) == EAFNOSUPPORT);
    CHECK(socket_error(AF_INET, SOCK_STREAM, above | mptcp) == EPROTONOSUPPORT);
  }

  TEST_CASE("io_uring and keyrings are not available") {
    CHECK(behind_the_filter([] { return ::syscall(SYS_add_key, "user", "k", "v", 1, -4); }) == ENOSYS);
    CHECK(behind_the_filter([] { return ::syscall(SYS_keyctl, 0, -4, 0); }) == ENOSYS);
    for (const long call : {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register})
      CHECK(behind_the_filter([call] { return ::syscall(call, 1, 0, 0, 0, 0, 0); }) == ENOSYS);
    CHECK(behind_the_filter([] {
            return ::syscall(SYS_request_key, "dns_resolver", "unlisted.invalid", "", 0);
          }) == ENOSYS);
  }

  TEST_CASE("an invalid call number stays invalid, which debuggers rely on") {
    CHECK(behind_the_filter([] { return ::syscall(-1); }) == ENOSYS);
  }

#if defined(__x86_64__)
  TEST_CASE("calls with 32-bit pointers do not exist") {
    constexpr long x32_bit = 0x40000000;
    CHECK(behind_the_filter([] { return ::syscall(x32_bit | SYS_socket, AF_INET, SOCK_STREAM, 0); }) ==
          ENOSYS);
    CHECK(behind_the_filter([] { return ::syscall(x32_bit | SYS_socket, AF_VSOCK, SOCK_STREAM, 0); }) ==
          ENOSYS);
  }

  TEST_CASE("the 32-bit system call entry is no way around the filter") {
    const auto call_32 = [](long number, long a, long b, long c) {
      return behind_the_filter([=]() -> long {
        long result = number;  // NOLINT(misc-const-correctness): the assembly writes it
        asm volatile("int $0x80"
                     : "+a"(result)
                     : "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
        if (result >= 0) return result;
        errno = static_cast<int>(-result);
        return -1;
      });
    };
    constexpr long getpid = 20, socketcall = 102, request_key = 287, socket = 359, socketpair = 360,
                   ring = 425, ioctl = 54, setsockopt = 366;
    if (call_32(getpid, 0, 0, 0) == ENOSYS) {
      MESSAGE("skipped: this kernel runs no 32-bit programs");
      return;
    }
    CHECK(call_32(getpid, 0, 0, 0) == got_it);
    CHECK(call_32(socket, AF_INET, SOCK_STREAM, 0) == got_it);
    CHECK(call_32(socket, AF_VSOCK, SOCK_STREAM, 0) == EAFNOSUPPORT);
    CHECK(call_32(socket, AF_INET, SOCK_STREAM, mptcp) == EPROTONOSUPPORT);
    CHECK(call_32(socketpair, AF_VSOCK, SOCK_STREAM, 0) == EAFNOSUPPORT);
    CHECK(call_32(ring, 1, 0, 0) == ENOSYS);
    CHECK(call_32(request_key, 0, 0, 0) == ENOSYS);
    CHECK(call_32(ioctl, 0, TIOCSTI, 0) == EPERM);
    CHECK(call_32(setsockopt, -1, IPPROTO_TCP, TCP_ULP) == ENOENT);
    // Its arguments are in memory, which a filter cannot read.
    for (const long makes : {1, 8, 14}) CHECK(call_32(socketcall, makes, 0, 0) == ENOSYS);
    CHECK(call_32(socketcall, 2, 0, 0) == EFAULT);
  }
#endif

  TEST_CASE("without no_new_privs the filter is not installed, which is an error") {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      // As an ordinary user, because root may.
      if (::setresuid(65534, 65534, 65534) != 0) ::_exit(no_filter);
      ::_exit(install_filter(agent_profile()) ? 1 : 0);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
}
