// docs/security.md has the table of calls.
#include "socket_filter.h"

#include <array>
#include <initializer_list>
#include <optional>

#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "filter.h"

namespace ostiary::confine {
namespace {

// The numbers of the judged calls, for one kind of program.
struct Calls {
  uint32_t architecture;
  uint32_t socket;
  uint32_t socketpair;
  std::array<uint32_t, 3> keys;  // add_key, request_key, keyctl
  uint32_t ioctl;
  uint32_t setsockopt;
  std::optional<uint32_t> socketcall;  // all socket calls in one; no filter can read its arguments
};

#if defined(__x86_64__)
constexpr std::array known_calls{Calls{AUDIT_ARCH_X86_64,
                                       SYS_socket,
                                       SYS_socketpair,
                                       {SYS_add_key, SYS_request_key, SYS_keyctl},
                                       SYS_ioctl,
                                       SYS_setsockopt,
                                       {}},
                                 Calls{AUDIT_ARCH_I386, 359, 360, {286, 287, 288}, 54, 366, 102}};
#elif defined(__aarch64__)
constexpr std::array known_calls{Calls{AUDIT_ARCH_AARCH64,
                                       SYS_socket,
                                       SYS_socketpair,
                                       {SYS_add_key, SYS_request_key, SYS_keyctl},
                                       SYS_ioctl,
                                       SYS_setsockopt,
                                       {}},
                                 Calls{AUDIT_ARCH_ARM, 281, 288, {309, 310, 311}, 54, 294, {}}};
#else
#error "confine/socket_filter.cc knows x86_64 and aarch64: add the numbers of this architecture's calls"
#endif

// An io_uring makes sockets without socket(). The numbers are the same on every architecture.
constexpr uint32_t io_uring_setup = 425;
constexpr uint32_t io_uring_register = 427;
// Programs of x86_64 with 32-bit pointers (x32) set this bit in the number of a call. The number
// with all bits set is no call.
constexpr uint32_t x32_bit = 0x40000000;
constexpr uint32_t no_call = 0xffffffff;
// The numbers of socket, socketpair and setsockopt within socketcall.
constexpr std::initializer_list<uint32_t> judged_by_socketcall{1, 8, 14};
constexpr uint32_t type_mask = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK

// Without MPTCP and SMC, whose packets the kernel sends over sockets of its own. Without SCTP, DCCP
// and L2TP, which would only expose more of the kernel.
constexpr std::initializer_list<uint32_t> ip_protocols{0,           IPPROTO_ICMP,   IPPROTO_TCP,
                                                       IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_UDPLITE};
// For getifaddrs, ss, iptables in a container inside, libudev, nl80211 and ethtool. Without the
// kernel's audit, through which root writes to the machine's log; PAM and sudo work without it.
constexpr std::initializer_list<uint32_t> netlink_protocols{
    NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC};

constexpr uint32_t error(int number) {
  return SECCOMP_RET_ERRNO | static_cast<uint32_t>(number);
}

constexpr void judge_protocol(FilterProgram& out, std::initializer_list<uint32_t> allowed) {
  load_argument(out, 2);
  for (const uint32_t protocol : allowed) answer_if_equal(out, protocol, SECCOMP_RET_ALLOW);
  answer(out, error(EPROTONOSUPPORT));
}

constexpr FilterProgram judge_netlink() {
  FilterProgram out;
  judge_protocol(out, netlink_protocols);
  return out;
}

constexpr FilterProgram judge_ip_protocol() {
  FilterProgram out;
  judge_protocol(out, ip_protocols);
  return out;
}

// A raw socket requires a capability, which the agent lacks. With any other type than stream and
// datagram, protocol 0 makes an SCTP or DCCP socket, or an AF_PACKET socket (SOCK_PACKET).
constexpr FilterProgram judge_ip() {
  FilterProgram out;
  load_argument(out, 1);
  out.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, type_mask));
  answer_if_equal(out, SOCK_RAW, SECCOMP_RET_ALLOW);
  if_one_of(out, SOCK_STREAM, SOCK_DGRAM, judge_ip_protocol());
  answer(out, error(EPROTONOSUPPORT));
  return out;
}

// If the argument has one of the values, the call fails with error `number`.
constexpr FilterProgram refuse_values(size_t argument, std::initializer_list<uint32_t> refused, int number) {
  FilterProgram out;
  load_argument(out, argument);
  for (const uint32_t value : refused) answer_if_equal(out, value, error(number));
  answer(out, SECCOMP_RET_ALLOW);
  return out;
}

// The agent may share a terminal with the shell that started it. That shell would later execute
// what the agent types into the terminal, or pastes into a console, with the shell's privileges.
// Any user may attach to a tun or tap device that has no owner, such as one of `ip tuntap add`. A
// packet that is written to it arrives by a link instead of leaving by the rules, and a bridge
// sends it on.
constexpr FilterProgram judge_ioctl() {
  return refuse_values(1, {TIOCSTI, TIOCLINUX, TUNSETIFF, TUNSETQUEUE}, EPERM);
}

// TCP_ULP puts another protocol on a connection: SMC, whose packets have no owner, or ESP. For
// programs, ENOENT means a kernel without TLS: they do TLS themselves.
constexpr FilterProgram judge_tcp_option() {
  return refuse_values(2, {TCP_ULP}, ENOENT);
}

constexpr FilterProgram judge_setsockopt() {
  FilterProgram out;
  load_argument(out, 1);
  if_equal(out, IPPROTO_TCP, judge_tcp_option());
  answer(out, SECCOMP_RET_ALLOW);
  return out;
}

constexpr FilterProgram judge_socket() {
  FilterProgram out;
  load_argument(out, 0);
  answer_if_equal(out, AF_UNIX, SECCOMP_RET_ALLOW);
  if_equal(out, AF_NETLINK, judge_netlink());
  if_one_of(out, AF_INET, AF_INET6, judge_ip());
  answer(out, error(EAFNOSUPPORT));
  return out;
}

constexpr FilterProgram judge_socketcall() {
  return refuse_values(0, judged_by_socketcall, ENOSYS);
}

constexpr FilterProgram judge_call(const Calls& calls) {
  FilterProgram out;
  load(out, offsetof(seccomp_data, nr));
  if (calls.architecture == AUDIT_ARCH_X86_64) {
    answer_if_equal(out, no_call, SECCOMP_RET_ALLOW);
    out.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1));
    answer(out, error(ENOSYS));
  }
  for (uint32_t call = io_uring_setup; call <= io_uring_register; ++call)
    answer_if_equal(out, call, error(ENOSYS));
  // The machine's processes share keyrings by user number, so a process outside could read a key of
  // the agent. The kernel may also start a helper for a key, outside and as root; one such helper
  // looks up names.
  for (const uint32_t call : calls.keys) answer_if_equal(out, call, error(ENOSYS));
  if_one_of(out, calls.socket, calls.socketpair, judge_socket());
  if_equal(out, calls.ioctl, judge_ioctl());
  if_equal(out, calls.setsockopt, judge_setsockopt());
  if (calls.socketcall) if_equal(out, *calls.socketcall, judge_socketcall());
  answer(out, SECCOMP_RET_ALLOW);
  return out;
}

constexpr FilterProgram judge() {
  FilterProgram out;
  load(out, offsetof(seccomp_data, arch));
  for (const Calls& calls : known_calls) if_equal(out, calls.architecture, judge_call(calls));
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

constexpr auto program = compiled<judge>();

}  // namespace

std::span<const sock_filter> socket_filter() {
  return program;
}

}  // namespace ostiary::confine
