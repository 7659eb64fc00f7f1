// Confines a child of this process, which reports its state and what it can do.

#include "ostiary/confine/confine.h"

#include <array>
#include <functional>
#include <initializer_list>
#include <string>

#include <cap-ng.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/profile.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/confine/confine_helper.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::confine;

namespace {

const Identity root{.uid = 0, .gid = 0, .groups = {0, 7}, .name = "root", .home = "/", .shell = "/bin/sh"};
const Identity user{
    .uid = 1234, .gid = 1235, .groups = {7, 1235}, .name = "agent", .home = "/", .shell = "/bin/sh"};
const std::array both{root, user};

// The capabilities that the documents promise to a root agent.
constexpr std::initializer_list<unsigned> promised{
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,
    CAP_SETGID, CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};

bool can_confine() {
  capng_get_caps_process();
  const bool can = ::geteuid() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) == 1 &&
                   capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 1;
  if (!can) MESSAGE("skipped: needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN, to drop them");
  return can;
}

// The worst state that a runtime or parent can leave: every capability inheritable and ambient,
// every signal ignored and blocked.
bool leave_everything() {
  capng_get_caps_process();
  for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability)
    if (capng_have_capability(CAPNG_PERMITTED, capability) == 1)
      capng_update(CAPNG_ADD, CAPNG_INHERITABLE, capability);
  bool done = capng_apply(CAPNG_SELECT_CAPS) == 0;
  for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability)
    if (capng_have_capability(CAPNG_PERMITTED, capability) == 1)
      done = done && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
  const struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } ignored{SIG_IGN, 0, nullptr, 0};  // the kernel's struct, because the C library reserves two signals
  for (int signal = 1; signal < NSIG; ++signal)
    ::syscall(SYS_rt_sigaction, signal, &ignored, nullptr, sizeof ignored.mask);
  uint64_t every = ~uint64_t{0};
  return done && ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, nullptr, sizeof every) == 0;
}

// A process of that user that is not confined, and that the kernel lets be traced.
class Bystander {
 public:
  explicit Bystander(const Identity& identity) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const UniqueFd ready{ends[0]};
    UniqueFd report{ends[1]};
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const bool done = ::setresgid(identity.gid, identity.gid, identity.gid) == 0 &&
                        ::setresuid(identity.uid, identity.uid, identity.uid) == 0 &&
                        ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 && ::write(report.get(), "", 1) == 1;
      while (done) ::pause();
      ::_exit(1);
    }
    report.reset();
    char octet = 0;
    REQUIRE(::read(ready.get(), &octet, 1) == 1);
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  ~Bystander() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string environment() const { return "/proc/" + std::to_string(pid_) + "/environ"; }

 private:
  pid_t pid_ = -1;
};

// What a child says.
std::string said_by_child(const std::function<std::string()>& say) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const std::string said = say();
    const bool written = ::write(ends[1], said.data(), said.size()) >= 0;
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> block{};
  for (ssize_t got = 0; (got = ::read(ends[0], block.data(), block.size())) > 0;)
    said.append(block.data(), static_cast<size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "it ended early";
}

// The result of `report` in a child that is confined as this identity, or the error.
std::string confined(
    const Identity& identity, const std::function<std::string()>& report,
    const std::function<bool()>& prepare = [] { return true; }) {
  return said_by_child([&]() -> std::string {
    if (!prepare()) return "it could not be prepared";
    const auto proof = confine::confine(identity);
    return proof ? report() : proof.error().message;
  });
}

std::string names_in(uint64_t mask) {
  std::string names;
  for (unsigned capability = 0; capability < 64; ++capability)
    if ((mask >> capability & 1) != 0) names += " " + std::to_string(capability);
  return names;
}

std::string sets_in(const Result<ProcessStatus>& is) {
  if (!is) return is.error().message;
  return "bounding" + names_in(is->bounding) + ", permitted" + names_in(is->permitted) + ", effective" +
         names_in(is->effective) + ", inheritable" + names_in(is->inheritable) + ", ambient" +
         names_in(is->ambient);
}

Result<ProcessStatus> own_process_status() {
  return TRY(OwnStatus::open()).read();
}

std::string own_sets() {
  return sets_in(own_process_status());
}

std::string ids_and_signals_in(const Result<ProcessStatus>& is) {
  if (!is) return is.error().message;
  std::string text;
  for (const auto* ids : {&is->uids, &is->gids})
    for (const uint32_t id : *ids) text += std::to_string(id) + " ";
  for (const gid_t group : is->groups) text += "+" + std::to_string(group);
  return text + " blocked " + std::to_string(is->blocked_signals) + " ignored " +
         std::to_string(is->ignored_signals) + " no_new_privs " + std::to_string(is->no_new_privs) +
         " seccomp " + std::to_string(is->seccomp);
}

std::string own_ids_and_signals() {
  return ids_and_signals_in(own_process_status());
}

// The state of a child that is confined as a gate. Under the gate's filter it opens no file.
std::string confined_gate(std::string (*report)(const Result<ProcessStatus>& is)) {
  return said_by_child([&]() -> std::string {
    const auto status = OwnStatus::open();
    if (!status || !leave_everything()) return "it could not be prepared";
    const auto confined = confine_helper(HelperProfile::gate, 53053);
    return confined ? report(status->read()) : confined.error().message;
  });
}

// Uses of a root agent's capabilities. Each needs one capability, and fails without it.

bool bind_low_port() {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(80);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool keeps_set_group_id(const std::string& path) {
  struct stat found{};
  return ::chmod(path.c_str(), 02755) == 0 && ::stat(path.c_str(), &found) == 0 &&
         (found.st_mode & unsigned{S_ISGID}) != 0;
}

std::string failed_uses(const std::string& own, const std::string& of_another,
                        const std::string& of_a_group) {
  std::string failed;
  const auto attempt = [&failed](const char* what, bool works) {
    if (!works) failed += std::string(what) + ". ";
  };
  attempt("give a file away", ::chown(own.c_str(), 1, 1) == 0);
  attempt("read another's file", UniqueFd{::open(of_another.c_str(), O_RDONLY)}.valid());
  attempt("change another's file's mode", ::chmod(of_another.c_str(), 0600) == 0);
  attempt("set-group-ID for another group", keeps_set_group_id(of_a_group));
  attempt("serve port 80", bind_low_port());
  attempt("change root", ::chroot("/") == 0);
  attempt("choose groups", ::setgroups(0, nullptr) == 0);
  attempt("become another user", ::setresuid(1, 1, 1) == 0);
  return failed;
}

void make_file(const std::string& path, uid_t owner, gid_t group, mode_t mode) {
  const UniqueFd fd{::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
  REQUIRE(::fchown(fd.get(), owner, group) == 0);
  REQUIRE(::fchmod(fd.get(), mode) == 0);
}

ProcessStatus as_wanted(const Identity& identity) {
  ProcessStatus is;
  is.uids.fill(identity.uid);
  is.gids.fill(identity.gid);
  is.groups = identity.groups;
  is.bounding = mask_of(agent_profile().capabilities);
  is.permitted = is.effective = identity.uid == 0 ? mask_of(agent_profile().capabilities) : 0;
  is.no_new_privs = 1;
  return is;
}

// The error if the kernel reports this status of a process instead of the expected one.
std::string error_where(const Identity& identity, const std::function<void(ProcessStatus&)>& spoil) {
  ProcessStatus is = as_wanted(identity);
  spoil(is);
  return error_of(read_back(agent_profile(), identity, is));
}

}  // namespace

TEST_SUITE("confine/confine") {
  TEST_CASE("only the capabilities that the documents promise a root agent are left") {
    const std::string names = names_in(mask_of(std::span(promised)));
    CHECK(names_in(mask_of(agent_profile().capabilities)) ==
          names);  // this machine may lack a capability that is not promised
    if (!can_confine()) return;
    CHECK(confined(root, own_sets, leave_everything) ==
          "bounding" + names + ", permitted" + names + ", effective" + names + ", inheritable, ambient");
    CHECK(confined(user, own_sets, leave_everything) ==
          "bounding" + names + ", permitted, effective, inheritable, ambient");
  }

  TEST_CASE("a root agent can do what its capabilities are for") {
    if (!can_confine()) return;
    const testing::Scratch scratch;
    const std::string own = scratch.path("own"), another = scratch.path("another"),
                      group = scratch.path("group");
    make_file(own, 0, 0, 0600);
    make_file(another, 1, 1, 0);
    make_file(group, 0, 9, 0755);
    CHECK(confined(
              root, [&] { return failed_uses(own, another, group); },
              [] { return ::unshare(CLONE_NEWNET) == 0; }) == "");
  }

  TEST_CASE("ids, groups and signals are as after a login") {
    if (!can_confine()) return;
    CHECK(confined(root, own_ids_and_signals, leave_everything) ==
          "0 0 0 0 0 0 0 0 +0+7 blocked 0 ignored 0 no_new_privs 1 seccomp 2");
    CHECK(confined(user, own_ids_and_signals, leave_everything) ==
          "1234 1234 1234 1234 1235 1235 1235 1235 +7+1235 blocked 0 ignored 0 no_new_privs 1 seccomp 2");
  }

  TEST_CASE("all descriptors except the standard ones close at exec") {
    if (!can_confine()) return;
    const UniqueFd leaked{::fcntl(1, F_DUPFD, 100)};
    REQUIRE(leaked.valid());
    const auto mark = [](int fd) { return std::to_string(::fcntl(fd, F_GETFD)); };
    const auto marks = [&] { return mark(0) + mark(1) + mark(2) + mark(leaked.get()); };
    for (const Identity& identity : both) CHECK(confined(identity, marks) == "0001");
  }

  TEST_CASE("confinement fails if the kernel does not report what was set") {
    for (const Identity& identity : both) {
      CHECK(error_where(identity, [](ProcessStatus&) {}) == "no error");
      for (size_t which = 0; which < 4; ++which) {
        CHECK(error_where(identity, [which](ProcessStatus& is) { ++is.uids[which]; }).ends_with("user ids"));
        CHECK(error_where(identity, [which](ProcessStatus& is) { ++is.gids[which]; }).ends_with("group ids"));
      }
      const auto ends_with = [&identity](const char* why, const std::function<void(ProcessStatus&)>& spoil) {
        CHECK(error_where(identity, spoil).ends_with(why));
      };
      constexpr uint64_t net_raw = uint64_t{1} << CAP_NET_RAW;
      ends_with("supplementary groups", [](ProcessStatus& is) { is.groups.push_back(0xffff); });
      ends_with("supplementary groups", [](ProcessStatus& is) { is.groups.clear(); });
      ends_with("blocked signals", [](ProcessStatus& is) { is.blocked_signals = 1; });
      ends_with("ignored signals", [](ProcessStatus& is) { is.ignored_signals = 1; });
      ends_with("CAP_SETPCAP", [](ProcessStatus& is) { is.bounding |= net_raw; });
      ends_with("permitted set", [](ProcessStatus& is) { is.permitted |= net_raw; });
      ends_with("effective set", [](ProcessStatus& is) { is.effective |= net_raw; });
      ends_with("inheritable set", [](ProcessStatus& is) { is.inheritable = 1; });
      ends_with("ambient set", [](ProcessStatus& is) { is.ambient = 1; });
      ends_with("no_new_privs", [](ProcessStatus& is) { is.no_new_privs = 0; });
    }
    CHECK(error_where(user, [](ProcessStatus& is) { is.permitted = 1; }).ends_with("permitted set"));
    CHECK(error_where(user, [](ProcessStatus& is) { is.effective = 1; }).ends_with("effective set"));
  }

  TEST_CASE(
      "in a domain a process cannot read the environment of another with its user, and without one it can") {
    if (!can_confine()) return;
    if (!supports_domains()) {
      MESSAGE("skipped: the kernel has no Landlock domains with scopes (Linux 6.12)");
      return;
    }
    const Bystander bystander(user);
    for (const DomainName& each : domain_names) {
      Identity identity = user;
      identity.domain = each.domain;
      const std::string read = said_by_child([&] {
        if (const auto done = confine::confine(identity); !done) return done.error().message;
        return std::string(::open(bystander.environment().c_str(), O_RDONLY) < 0 ? "refused" : "read");
      });
      CHECK_MESSAGE(read == (each.domain == Domain::none ? "read" : "refused"), each.name);
    }
  }

  TEST_CASE("a container that lacks a root agent's capabilities is not an error") {
    for (const Identity& identity : both)
      CHECK(error_where(identity, [](ProcessStatus& is) { is.bounding = is.permitted = is.effective = 0; }) ==
            "no error");
  }

  TEST_CASE("a gate has a user of its own, one capability, and no group") {
    if (!can_confine()) return;
    const std::string net_admin = " " + std::to_string(CAP_NET_ADMIN);
    CHECK(confined_gate(sets_in) == "bounding" + net_admin + ", permitted" + net_admin + ", effective" +
                                        net_admin + ", inheritable, ambient");
    CHECK(confined_gate(ids_and_signals_in)
              .starts_with("53053 53053 53053 53053 53053 53053 53053 53053  blocked"));
    CHECK(confined_gate(ids_and_signals_in).ends_with("no_new_privs 1 seccomp 2"));
  }

  TEST_CASE("the gate's confinement fails if the kernel does not report what was set") {
    const Identity gate{.uid = 7, .gid = 7, .groups = {}, .name = "", .home = "", .shell = ""};
    const auto error = [&gate](const std::function<void(ProcessStatus&)>& spoil) {
      ProcessStatus is;
      is.uids.fill(7);
      is.gids.fill(7);
      is.bounding = is.permitted = is.effective = uint64_t{1} << CAP_NET_ADMIN;
      is.no_new_privs = 1;
      spoil(is);
      return error_of(read_back(profile_of(HelperProfile::gate), gate, is));
    };
    constexpr uint64_t net_raw = uint64_t{1} << CAP_NET_RAW;
    CHECK(error([](ProcessStatus&) {}) == "no error");
    for (size_t which = 0; which < 4; ++which) {
      CHECK(error([which](ProcessStatus& is) { ++is.uids[which]; }).ends_with("to the gate: user ids"));
      CHECK(error([which](ProcessStatus& is) { ++is.gids[which]; }).ends_with("group ids"));
    }
    CHECK(error([](ProcessStatus& is) { is.groups.push_back(7); }).ends_with("supplementary groups"));
    CHECK(error([](ProcessStatus& is) { is.bounding |= net_raw; }).ends_with("CAP_SETPCAP"));
    for (const uint64_t wrong : {uint64_t{0}, net_raw, net_raw | uint64_t{1} << CAP_NET_ADMIN}) {
      CHECK(error([=](ProcessStatus& is) { is.permitted = wrong; }).ends_with("--cap-add=NET_ADMIN"));
      CHECK(error([=](ProcessStatus& is) { is.effective = wrong; }).ends_with("--cap-add=NET_ADMIN"));
    }
    CHECK(error([](ProcessStatus& is) { is.inheritable = 1; }).ends_with("inheritable set"));
    CHECK(error([](ProcessStatus& is) { is.ambient = 1; }).ends_with("ambient set"));
    CHECK(error([](ProcessStatus& is) { is.no_new_privs = 0; }).ends_with("no_new_privs"));
  }
}
