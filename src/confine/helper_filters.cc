#include "helper_filters.h"

#include <array>

#include <sys/socket.h>
#include <sys/syscall.h>

#include "filter.h"

namespace ostiary::confine {
namespace {

#if defined(__x86_64__)
constexpr uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "confine/helper_filters.cc knows x86_64 and aarch64"
#endif

// Allowed in a sanitized build only: UndefinedBehaviorSanitizer tests through a pipe whether an
// object's memory can be read, and AddressSanitizer removes its signal stack at the end.
// docs/testing.md
#if defined(__has_feature)
#define OSTIARY_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define OSTIARY_SANITIZED 1
#else
#define OSTIARY_SANITIZED 0
#endif

// The calls of an event loop over sockets and files that are open, with memory and a clock.
constexpr std::array common_calls{
    // descriptors
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_write,
    SYS_writev,
    SYS_lseek,
    SYS_fcntl,
    SYS_fstat,
    SYS_newfstatat,
    SYS_close,
    // sockets
    SYS_accept4,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    // waiting
    SYS_ppoll,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_futex,
    SYS_sched_yield,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    // clock, randomness, own ids
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    // signals and exit
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
#if defined(__x86_64__)  // other architectures have newer calls alone
    SYS_poll,
    SYS_epoll_wait,
    SYS_time,
#endif
#if OSTIARY_SANITIZED
    SYS_pipe2,
    SYS_sigaltstack,
#endif
};

// The gate asks servers, and connects for the relay.
constexpr std::array gate_calls{SYS_bind, SYS_connect, SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

// The spool is a file that is open.
constexpr std::array serving_relay_calls{SYS_pwrite64, SYS_ftruncate, SYS_fallocate};

// To make children, to wait for them, and to narrow them.
constexpr std::array parent_calls{
    SYS_clone,  SYS_clone3,  SYS_wait4,         SYS_set_robust_list, SYS_rseq,
    SYS_openat, SYS_seccomp, SYS_epoll_create1, SYS_prctl,           SYS_getppid,
};

constexpr FilterProgram judge_socket() {
  FilterProgram out;
  load_argument(out, 0);
  for (const uint32_t family : {uint32_t{AF_INET}, uint32_t{AF_INET6}})
    answer_if_equal(out, family, SECCOMP_RET_ALLOW);
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

// With this flag a socket whose connection has ended connects anew, to an address of the caller's choice.
constexpr FilterProgram judge_flags_of_send(size_t argument) {
  FilterProgram out;
  load_argument(out, argument);
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MSG_FASTOPEN, 0, 1));
  answer(out, SECCOMP_RET_KILL_PROCESS);
  answer(out, SECCOMP_RET_ALLOW);
  return out;
}

constexpr void allow_send_over_connections(FilterProgram& out) {
  constexpr size_t flags_of_sendto = 3, flags_of_sendmsg = 2;
  if_equal(out, SYS_sendto, judge_flags_of_send(flags_of_sendto));
  if_equal(out, SYS_sendmsg, judge_flags_of_send(flags_of_sendmsg));
}

constexpr void allow(FilterProgram& out, const auto& calls) {
  for (const auto call : calls) answer_if_equal(out, static_cast<uint32_t>(call), SECCOMP_RET_ALLOW);
}

// Calls with 32-bit pointers (x32) have other numbers.
constexpr FilterProgram judge(const FilterProgram& calls) {
  FilterProgram out;
  load(out, offsetof(seccomp_data, arch));
  // A jump is too short for all of them.
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0));
  answer(out, SECCOMP_RET_KILL_PROCESS);
  load(out, offsetof(seccomp_data, nr));
  out.insert(out.end(), calls.begin(), calls.end());
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

constexpr FilterProgram judge_gate() {
  FilterProgram calls;
  allow(calls, common_calls);
  allow(calls, gate_calls);
  if_equal(calls, SYS_socket, judge_socket());
  return judge(calls);
}

constexpr FilterProgram judge_relay() {
  FilterProgram calls;
  allow(calls, common_calls);
  allow(calls, serving_relay_calls);
  allow(calls, parent_calls);
  allow_send_over_connections(calls);
  return judge(calls);
}

constexpr FilterProgram judge_serving_relay() {
  FilterProgram calls;
  allow(calls, common_calls);
  allow(calls, serving_relay_calls);
  allow_send_over_connections(calls);
  return judge(calls);
}

constexpr auto gate_program = compiled<judge_gate>();
constexpr auto relay_program = compiled<judge_relay>();
constexpr auto serving_relay_program = compiled<judge_serving_relay>();

}  // namespace

std::span<const sock_filter> gate_filter() {
  return gate_program;
}

std::span<const sock_filter> relay_filter() {
  return relay_program;
}

std::span<const sock_filter> serving_relay_filter() {
  return serving_relay_program;
}

}  // namespace ostiary::confine
