// The filter's verdict on each system call, also on calls that this kernel lacks.
#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <optional>
#include <set>

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "confine/profile.h"
#include "filter_machine.h"

using namespace ostiary;
using namespace ostiary::confine;

namespace {

constexpr uint32_t pass = SECCOMP_RET_ALLOW;

constexpr uint32_t refuse(uint32_t error) {
  return SECCOMP_RET_ERRNO | error;
}

// The numbers in Linux's tables of system calls.
struct Abi {
  uint32_t architecture;
  uint32_t socket, socketpair, ioctl, setsockopt;
  std::set<uint32_t> missing;  // io_uring and keyrings
  std::optional<uint32_t> socketcall;
};

#if defined(__x86_64__)
const std::array abis{Abi{AUDIT_ARCH_X86_64, 41, 53, 16, 54, {425, 426, 427, 248, 249, 250}, {}},
                      Abi{AUDIT_ARCH_I386, 359, 360, 54, 366, {425, 426, 427, 286, 287, 288}, 102}};
#else
const std::array abis{Abi{AUDIT_ARCH_AARCH64, 198, 199, 29, 208, {425, 426, 427, 217, 218, 219}, {}},
                      Abi{AUDIT_ARCH_ARM, 281, 288, 54, 294, {425, 426, 427, 309, 310, 311}, {}}};
#endif

using Arguments = std::array<uint64_t, 6>;

constexpr std::array<uint32_t, 5> some_families{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_VSOCK};

// For arguments that a call does not have: values that are refused in other arguments.
constexpr uint64_t vsock = AF_VSOCK;
constexpr Arguments anything{vsock, vsock, vsock, vsock, vsock, vsock};

uint32_t verdict(uint32_t architecture, uint32_t number, const Arguments& arguments) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = architecture;
  call.instruction_pointer = (vsock << 32U) | vsock;
  for (size_t i = 0; i < arguments.size(); ++i) call.args[i] = arguments[i];
  return testing::run_filter(agent_profile().filter, call).value_or(0xdeadbeef);
}

// The kernel reads an int: the upper half of a register has any value.
uint32_t verdict_in_halves(uint32_t architecture, uint32_t number, const Arguments& arguments) {
  Arguments above = arguments;
  for (uint64_t& argument : above) argument |= uint64_t{AF_UNIX} << 32U;
  const uint32_t found = verdict(architecture, number, arguments);
  CHECK(verdict(architecture, number, above) == found);
  return found;
}

bool is_one_of(uint32_t value, std::initializer_list<uint32_t> values) {
  return std::ranges::find(values, value) != values.end();
}

constexpr uint32_t no_protocol = refuse(EPROTONOSUPPORT);

uint32_t expected_of_ip(uint32_t type, uint32_t protocol) {
  constexpr uint32_t icmp = 1, tcp = 6, udp = 17, icmp6 = 58, udp_lite = 136;
  if (type == SOCK_RAW) return pass;
  if (type != SOCK_STREAM && type != SOCK_DGRAM) return no_protocol;
  return is_one_of(protocol, {0, icmp, tcp, udp, icmp6, udp_lite}) ? pass : no_protocol;
}

uint32_t expected_of_netlink(uint32_t protocol) {
  constexpr uint32_t route = 0, sock_diag = 4, netfilter = 12, kobject_uevent = 15, generic = 16;
  return is_one_of(protocol, {route, sock_diag, netfilter, kobject_uevent, generic}) ? pass : no_protocol;
}

uint32_t expected_of_socket(uint32_t family, uint32_t type, uint32_t protocol) {
  constexpr uint32_t unix = 1, ipv4 = 2, ipv6 = 10, netlink = 16;
  if (family == unix) return pass;
  if (family == ipv4 || family == ipv6) return expected_of_ip(type & 0xfU, protocol);
  return family == netlink ? expected_of_netlink(protocol) : refuse(EAFNOSUPPORT);
}

size_t wrong_verdicts(const Abi& abi, uint32_t family, uint32_t type) {
  size_t wrong = 0;
  for (const uint32_t call : {abi.socket, abi.socketpair})
    for (uint32_t protocol = 0; protocol < 520; ++protocol)
      wrong += verdict(abi.architecture, call, {family, type, protocol, vsock, vsock, vsock}) !=
               expected_of_socket(family, type, protocol);
  return wrong;
}

}  // namespace

TEST_SUITE("confine/filter_verdicts") {
  TEST_CASE("every call that the filter does not check passes with any arguments") {
    constexpr uint64_t socket_of_socketcall = 1;
    constexpr Arguments of_others{socket_of_socketcall, TIOCSTI, vsock, vsock, vsock, vsock};
    constexpr Arguments of_setsockopt{vsock, 6, 31, vsock, vsock, vsock};
    for (const Abi& abi : abis)
      for (uint32_t number = 0; number < 1024; ++number) {
        if (is_one_of(number, {abi.socket, abi.socketpair, abi.ioctl, abi.setsockopt}) ||
            number == abi.socketcall)
          continue;
        INFO(abi.architecture, " ", number);
        const uint32_t expected = abi.missing.contains(number) ? refuse(ENOSYS) : pass;
        for (const Arguments& arguments : {anything, of_others, of_setsockopt})
          CHECK(verdict(abi.architecture, number, arguments) == expected);
      }
  }

  TEST_CASE("calls with 32-bit pointers do not exist, and an invalid number stays invalid") {
    constexpr uint32_t x32 = 0x40000000;
    for (const Abi& abi : abis) {
      const uint32_t expected = abi.architecture == AUDIT_ARCH_X86_64 ? refuse(ENOSYS) : pass;
      for (const uint32_t number :
           {x32, x32 + 1, x32 | abi.socket, x32 | abi.ioctl, 2 * x32 - 1, 2 * x32, 0xfffffffeU})
        CHECK(verdict(abi.architecture, number, anything) == expected);
      CHECK(verdict(abi.architecture, x32 - 1, anything) == pass);
      CHECK(verdict(abi.architecture, 0xffffffff, anything) == pass);
    }
  }

  TEST_CASE("sockets may be Unix, plain IP and netlink, with any flags") {
    for (const Abi& abi : abis)
      for (uint32_t family = 0; family < 64; ++family)
        for (uint32_t type = 0; type < 16; ++type) {
          INFO(abi.architecture, " ", family, " ", type);
          CHECK(wrong_verdicts(abi, family, type) == 0);
        }
  }

  TEST_CASE("a type is the lowest four bits, as the kernel reads it") {
    for (const Abi& abi : abis)
      for (const uint32_t family : some_families)
        for (uint32_t flag = 0x10; flag != 0; flag <<= 1U)
          for (const uint32_t type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_PACKET})
            CHECK(wrong_verdicts(abi, family, type | flag) == 0);
  }

  TEST_CASE("the lower half of a register is checked") {
    for (const Abi& abi : abis)
      for (const uint32_t family : some_families)
        for (const uint32_t protocol : {0U, 6U, 132U})
          CHECK(verdict_in_halves(abi.architecture, abi.socket,
                                  {family, SOCK_STREAM, protocol, vsock, vsock, vsock}) ==
                expected_of_socket(family, SOCK_STREAM, protocol));
  }

  TEST_CASE("an ioctl passes, except those that type into a terminal and those that attach to a tun device") {
    const auto is_as_expected = [](const Abi& abi, uint32_t request) {
      const uint32_t expected =
          is_one_of(request, {TIOCSTI, TIOCLINUX, TUNSETIFF, TUNSETQUEUE}) ? refuse(EPERM) : pass;
      return verdict(abi.architecture, abi.ioctl, {vsock, request, vsock, vsock, vsock, vsock}) == expected;
    };
    for (const Abi& abi : abis)
      for (const uint32_t above : {0U, static_cast<uint32_t>(TUNSETIFF) & 0xffff0000U})
        for (uint32_t request = above; request < above + 0x10000; ++request) {
          if (is_as_expected(abi, request)) continue;
          INFO(abi.architecture, " ", request);
          CHECK(false);
        }
    for (const Abi& abi : abis)
      CHECK(verdict_in_halves(abi.architecture, abi.ioctl, {0, TIOCSTI, 0, 0, 0, 0}) == refuse(EPERM));
  }

  // Only of TCP: another level has another option with the same number.
  TEST_CASE("a socket option passes, except the one that makes TCP carry another protocol") {
    constexpr uint32_t tcp = 6, upper_layer_protocol = 31;
    for (const Abi& abi : abis)
      for (uint32_t level = 0; level < 300; ++level)
        for (uint32_t option = 0; option < 130; ++option) {
          const bool is_refused = level == tcp && option == upper_layer_protocol;
          const uint32_t found =
              verdict(abi.architecture, abi.setsockopt, {tcp, level, option, tcp, upper_layer_protocol, tcp});
          if (found == (is_refused ? refuse(ENOENT) : pass)) continue;
          INFO(abi.architecture, " ", level, " ", option);
          CHECK(false);
        }
    for (const Abi& abi : abis)
      CHECK(verdict_in_halves(abi.architecture, abi.setsockopt, {0, tcp, upper_layer_protocol, 0, 0, 0}) ==
            refuse(ENOENT));
  }

  TEST_CASE("socketcall can make no socket or pair, and set no option") {
    for (const Abi& abi : abis) {
      if (!abi.socketcall) continue;
      for (uint32_t makes = 0; makes < 64; ++makes)
        CHECK(verdict_in_halves(abi.architecture, *abi.socketcall, {makes, vsock, vsock, 1, 8, 1}) ==
              (is_one_of(makes, {1, 8, 14}) ? refuse(ENOSYS) : pass));
    }
  }

  TEST_CASE("a call of another architecture ends the process") {
    constexpr uint32_t bits = 32;
    for (const Abi& abi : abis)
      for (uint32_t bit = 0; bit < bits; ++bit) {
        const uint32_t other = abi.architecture ^ 1U << bit;
        if (other != abis[0].architecture && other != abis[1].architecture)
          CHECK(verdict(other, 0, anything) == SECCOMP_RET_KILL_PROCESS);
      }
  }
}
