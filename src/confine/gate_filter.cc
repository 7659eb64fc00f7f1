#include "gate_filter.h"

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
#error "confine/gate_filter.cc knows x86_64 and aarch64"
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

// The calls of an event loop over sockets, memory and a clock.
constexpr std::array allowed_calls{
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
    SYS_bind,
    SYS_connect,
    SYS_accept4,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getpeername,
    SYS_setsockopt,
    SYS_getsockopt,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_recvmmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
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

constexpr FilterProgram judge_socket() {
  FilterProgram out;
  load_argument(out, 0);
  for (const uint32_t family : {uint32_t{AF_INET}, uint32_t{AF_INET6}})
    answer_if_equal(out, family, SECCOMP_RET_ALLOW);
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

// Calls with 32-bit pointers (x32) have other numbers.
constexpr FilterProgram judge_call() {
  FilterProgram out;
  load(out, offsetof(seccomp_data, nr));
  for (const auto call : allowed_calls) answer_if_equal(out, static_cast<uint32_t>(call), SECCOMP_RET_ALLOW);
  if_equal(out, SYS_socket, judge_socket());
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

constexpr FilterProgram judge() {
  FilterProgram out;
  load(out, offsetof(seccomp_data, arch));
  if_equal(out, architecture, judge_call());
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

constexpr auto program = compiled<judge>();

}  // namespace

std::span<const sock_filter> gate_filter() {
  return program;
}

}  // namespace ostiary::confine
