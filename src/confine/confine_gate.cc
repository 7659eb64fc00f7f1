#include "ostiary/confine/confine_gate.h"

#include <algorithm>
#include <memory>

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "process_status.h"

namespace ostiary::confine {
namespace {

constexpr uint64_t net_admin = uint64_t{1} << CAP_NET_ADMIN;

// The calls of an event loop over sockets, memory and a clock.
constexpr auto allowed_calls = {
    // descriptors
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(lseek),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(close),
    // sockets
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(accept4),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    // waiting
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    // memory
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    // clock, randomness, own ids
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    // signals and exit
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// Allowed in a sanitized build only: UndefinedBehaviorSanitizer tests through a pipe whether an
// object's memory can be read. docs/testing.md
#if defined(__has_feature)
#define OSTIARY_SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define OSTIARY_SANITIZED 1
#else
#define OSTIARY_SANITIZED 0
#endif
#if OSTIARY_SANITIZED
constexpr std::initializer_list<int> sanitizer_calls = {SCMP_SYS(pipe2)};
#else
constexpr std::initializer_list<int> sanitizer_calls = {};
#endif

Result<> expect(bool holds, std::string_view what) {
  if (holds) return {};
  return fail(Exit::not_permitted, "the kernel did not apply this to the gate: " + std::string(what));
}

// Reduces the bounding set first, while CAP_SETPCAP is still there. PR_SET_KEEPCAPS keeps
// CAP_NET_ADMIN through the change of user.
Result<> keep_net_admin_alone(uid_t user) {
  capng_clear(CAPNG_SELECT_BOTH);
  const auto held = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  capng_update(CAPNG_ADD, held, CAP_NET_ADMIN);
  capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_NET_ADMIN);
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
    return fail(Exit::not_permitted, "cannot reduce the gate's bounding set: give the container CAP_SETPCAP");
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0)
    return fail(Exit::not_permitted,
                Error::system("the gate cannot become user " + std::to_string(user)).message +
                    ": give the container CAP_SETUID and CAP_SETGID");
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return fail(Exit::not_permitted,
                "the gate cannot keep CAP_NET_ADMIN: run the container with --cap-add=NET_ADMIN");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return std::unexpected(Error::system("the gate cannot clear its ambient capabilities"));
  return {};
}

Result<> read_back(uid_t user) {
  const ProcessStatus is = TRY(own_process_status());
  TRY(expect(std::ranges::all_of(is.uids, [user](uid_t uid) { return uid == user; }), "user"));
  TRY(expect(std::ranges::all_of(is.gids, [user](gid_t gid) { return gid == user; }), "group"));
  TRY(expect(is.groups.empty(), "no supplementary groups"));
  TRY(expect(is.permitted == net_admin && is.effective == net_admin, "CAP_NET_ADMIN"));
  TRY(expect((is.bounding & ~net_admin) == 0, "bounding set: give the container CAP_SETPCAP"));
  TRY(expect(is.inheritable == 0 && is.ambient == 0, "empty inheritable and ambient sets"));
  TRY(expect(is.no_new_privs == 1, "no_new_privs"));
  return expect(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "not dumpable");
}

Result<> filter_calls() {
  const std::unique_ptr<void, CDelete<seccomp_release>> filter{seccomp_init(SCMP_ACT_KILL_PROCESS)};
  bool made = filter != nullptr;
  for (const int call : allowed_calls)
    made = made && seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
  for (const int call : sanitizer_calls)
    made = made && seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0) == 0;
  for (const auto family : {scmp_datum_t{AF_INET}, scmp_datum_t{AF_INET6}}) {
    const scmp_arg_cmp of_family{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = family, .datum_b = 0};
    made = made && seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &of_family) == 0;
  }
  if (!made || seccomp_load(filter.get()) != 0)
    return fail(Exit::not_permitted,
                "the gate cannot filter its system calls: the kernel needs CONFIG_SECCOMP_FILTER");
  return {};
}

}  // namespace

Result<> confine_gate(uid_t user) {
  TRY(keep_net_admin_alone(user));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return std::unexpected(Error::system("the gate cannot set no_new_privs or hide its memory"));
  TRY(read_back(user));
  return filter_calls();
}

}  // namespace ostiary::confine
