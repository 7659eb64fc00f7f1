// The verdicts of the helpers' filters on each system call.
#include "confine/helper_filters.h"

#include <initializer_list>
#include <span>

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "filter_machine.h"

using namespace ostiary;

namespace {

#if defined(__x86_64__)
constexpr uint32_t own_architecture = AUDIT_ARCH_X86_64;
constexpr uint32_t other_architecture = AUDIT_ARCH_I386;
#else
constexpr uint32_t own_architecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t other_architecture = AUDIT_ARCH_ARM;
#endif

using Filter = std::span<const sock_filter>;

bool passes_filter(Filter filter, long number, uint64_t first_argument = 0,
                   uint32_t architecture = own_architecture) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = architecture;
  call.args[0] = first_argument;
  const auto verdict = testing::run_filter(filter, call);
  REQUIRE(verdict);
  if (*verdict != SECCOMP_RET_ALLOW) CHECK(*verdict == SECCOMP_RET_KILL_PROCESS);
  return *verdict == SECCOMP_RET_ALLOW;
}

bool passes(long number, uint64_t first_argument = 0, uint32_t architecture = own_architecture) {
  return passes_filter(confine::gate_filter(), number, first_argument, architecture);
}
bool relay_passes(long number) {
  return passes_filter(confine::relay_filter(), number);
}
bool serving_relay_passes(long number) {
  return passes_filter(confine::serving_relay_filter(), number);
}

constexpr long x32 = 0x40000000;

}  // namespace

TEST_SUITE("confine/helper_filters") {
  TEST_CASE("the gate can wait, receive, send, and end") {
    for (const long call :
         {SYS_epoll_pwait, SYS_recvmmsg, SYS_recvmsg, SYS_sendmmsg, SYS_sendmsg, SYS_accept4, SYS_read,
          SYS_write, SYS_close, SYS_brk, SYS_mmap, SYS_clock_gettime, SYS_exit_group})
      CHECK(passes(call));
  }

  TEST_CASE("the gate cannot open a file, start a program, signal a process, or change its privileges") {
    for (const int call : {SYS_openat,
                           SYS_execve,
                           SYS_execveat,
                           SYS_clone,
                           SYS_clone3,
                           SYS_kill,
                           SYS_tgkill,
                           SYS_ptrace,
                           SYS_process_vm_readv,
                           SYS_setresuid,
                           SYS_setgroups,
                           SYS_capset,
                           SYS_prctl,
                           SYS_seccomp,
                           SYS_unshare,
                           SYS_setns,
                           SYS_mount,
                           SYS_bpf,
                           SYS_ioctl,
                           SYS_socketpair,
                           SYS_dup3,
                           SYS_unlinkat,
                           425,
                           426,
                           427})
      CHECK_FALSE(passes(call));
  }

  TEST_CASE("at most a tenth of all calls pass") {
    int passed = 0;
    for (long call = 0; call < 1024; ++call) passed += passes(call) ? 1 : 0;
    CHECK(passed <= 55);
    CHECK(passed >= 40);
  }

  TEST_CASE("a new socket is of IP") {
    for (uint64_t family = 0; family < 64; ++family)
      CHECK(passes(SYS_socket, family) == (family == AF_INET || family == AF_INET6));
  }

  TEST_CASE("a call of another architecture, or with 32-bit pointers, ends the process") {
    CHECK_FALSE(passes(SYS_read, 0, other_architecture));
    CHECK_FALSE(passes(x32 | SYS_read));
    CHECK_FALSE(passes(-1));
  }

  TEST_CASE("a relay can serve what is open: wait, receive, send, keep its spool, and end") {
    for (const long call :
         {SYS_epoll_pwait, SYS_epoll_ctl,  SYS_accept4, SYS_recvfrom,      SYS_recvmsg,   SYS_sendto,
          SYS_sendmsg,     SYS_read,       SYS_write,   SYS_writev,        SYS_close,     SYS_shutdown,
          SYS_setsockopt,  SYS_getsockopt, SYS_pread64, SYS_pwrite64,      SYS_ftruncate, SYS_fallocate,
          SYS_brk,         SYS_mmap,       SYS_munmap,  SYS_clock_gettime, SYS_getrandom, SYS_exit_group}) {
      CAPTURE(call);
      CHECK(relay_passes(call));
      CHECK(serving_relay_passes(call));
    }
  }

  TEST_CASE("neither process of the relay has a way out, or a way to another process") {
    for (const long call : {SYS_socket,
                            SYS_socketpair,
                            SYS_connect,
                            SYS_bind,
                            SYS_listen,
                            SYS_execve,
                            SYS_execveat,
                            SYS_ptrace,
                            SYS_process_vm_readv,
                            SYS_process_vm_writev,
                            SYS_kill,
                            SYS_tgkill,
                            SYS_tkill,
                            SYS_rt_sigqueueinfo,
                            SYS_pidfd_open,
                            SYS_pidfd_getfd,
                            SYS_pidfd_send_signal,
                            SYS_ioctl,
                            SYS_setresuid,
                            SYS_setgroups,
                            SYS_capset,
                            SYS_unshare,
                            SYS_setns,
                            SYS_mount,
                            SYS_bpf,
                            SYS_keyctl,
                            SYS_memfd_create,
                            SYS_unlinkat,
                            SYS_renameat2,
                            SYS_linkat,
                            SYS_mkdirat,
                            SYS_fchmodat,
                            SYS_fchownat,
                            SYS_perf_event_open,
                            SYS_userfaultfd,
                            425,
                            426,
                            427}) {
      CAPTURE(call);
      CHECK_FALSE(relay_passes(call));
      CHECK_FALSE(serving_relay_passes(call));
    }
  }

  TEST_CASE("the relay sends over connections that it has, and makes none by sending") {
    for (const Filter filter : {confine::relay_filter(), confine::serving_relay_filter()})
      for (const auto& [number, place] : {std::pair{SYS_sendto, 3}, std::pair{SYS_sendmsg, 2}})
        for (const uint64_t flags : {uint64_t{0}, uint64_t{MSG_NOSIGNAL | MSG_DONTWAIT}}) {
          seccomp_data call{};
          call.nr = static_cast<int>(number);
          call.arch = own_architecture;
          call.args[place] = flags;
          CHECK(testing::run_filter(filter, call) == SECCOMP_RET_ALLOW);
          call.args[place] = flags | MSG_FASTOPEN;
          CHECK(testing::run_filter(filter, call) == SECCOMP_RET_KILL_PROCESS);
        }
    CHECK_FALSE(relay_passes(SYS_sendmmsg));
  }

  TEST_CASE("only the relay's parent opens files, makes children and narrows them") {
    for (const long call :
         {SYS_openat, SYS_clone, SYS_clone3, SYS_wait4, SYS_seccomp, SYS_prctl, SYS_epoll_create1}) {
      CAPTURE(call);
      CHECK(relay_passes(call));
      CHECK_FALSE(serving_relay_passes(call));
    }
  }

  TEST_CASE("a serving relay has no call that its parent lacks, and few of them") {
    int passed = 0;
    for (long call = 0; call < 1024; ++call) {
      CAPTURE(call);
      if (serving_relay_passes(call)) CHECK(relay_passes(call));
      passed += serving_relay_passes(call) ? 1 : 0;
    }
    CHECK(passed <= 55);
    CHECK(passed >= 40);
  }

  TEST_CASE("a call of the relay for another architecture, or with 32-bit pointers, ends the process") {
    for (const Filter filter : {confine::relay_filter(), confine::serving_relay_filter()}) {
      CHECK_FALSE(passes_filter(filter, SYS_read, 0, other_architecture));
      CHECK_FALSE(passes_filter(filter, x32 | SYS_read));
      CHECK_FALSE(passes_filter(filter, -1));
    }
  }
}
