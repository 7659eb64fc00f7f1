// The verdict of the gate's filter on each system call.
#include "confine/helper_filters.h"

#include <initializer_list>

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

bool passes(long number, uint64_t first_argument = 0, uint32_t architecture = own_architecture) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = architecture;
  call.args[0] = first_argument;
  const auto verdict = testing::run_filter(confine::gate_filter(), call);
  REQUIRE(verdict);
  if (*verdict != SECCOMP_RET_ALLOW) CHECK(*verdict == SECCOMP_RET_KILL_PROCESS);
  return *verdict == SECCOMP_RET_ALLOW;
}

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
    constexpr long x32 = 0x40000000;
    CHECK_FALSE(passes(SYS_read, 0, other_architecture));
    CHECK_FALSE(passes(x32 | SYS_read));
    CHECK_FALSE(passes(-1));
  }
}
