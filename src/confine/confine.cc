#include "ostiary/confine/confine.h"

#include <algorithm>
#include <array>

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "descriptors.h"
#include "ostiary/confine/program.h"
#include "ostiary/event/signals.h"
#include "platform_api.h"
#include "process_status.h"
#include "socket_filter.h"

namespace ostiary::confine {
namespace {

// What a root agent needs to install packages and to run services under their own users, and nothing that
// reaches the network's configuration, another process or the kernel.
// docs/decisions/0003-what-a-root-agent-keeps.md
constexpr std::array<unsigned, 9> kept{CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,
                                       CAP_SETGID,     CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
                                       CAP_AUDIT_WRITE};

constexpr uint64_t kept_mask = [] {
  uint64_t mask = 0;
  for (const unsigned capability : kept) mask |= uint64_t{1} << capability;
  return mask;
}();

Result<> reset_signals() {
  TRY(event::reset_dispositions());
  sigset_t none;
  sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0)
    return std::unexpected(Error::system("cannot unblock signals"));
  return {};
}

Result<> choose_capabilities() {
  if (capng_get_caps_process() != 0) return fail(Exit::not_permitted, "cannot read the capabilities");
  for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability) {
    if (std::ranges::find(kept, capability) != kept.end()) continue;
    const auto everywhere =
        static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET);
    if (capng_update(CAPNG_DROP, everywhere, capability) != 0)
      return fail(Exit::not_permitted, "cannot choose the capabilities");
  }
  for (const unsigned capability : kept)
    if (capng_update(CAPNG_DROP, CAPNG_INHERITABLE, capability) != 0)
      return fail(Exit::not_permitted, "cannot choose the capabilities");
  return {};
}

// A capability that this kernel has and the headers of the build did not: dropped by number.
Result<> drop_unknown_from_bounding_set() {
  for (int capability = CAP_LAST_CAP + 1; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return std::unexpected(Error::system("cannot drop a capability from the bounding set"));
  return {};
}

std::unexpected<Error> lacks(std::string_view capability, Error error) {
  error.message += ": give the container " + std::string(capability);
  return std::unexpected(std::move(error));
}

Result<> become(const Identity& identity) {
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0)
    return lacks("CAP_SETGID", Error::system("cannot set the supplementary groups"));
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0)
    return lacks("CAP_SETGID", Error::system("cannot become group " + std::to_string(identity.gid)));
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0)
    return lacks("CAP_SETUID", Error::system("cannot become user " + std::to_string(identity.uid)));
  return {};
}

Result<> apply_capabilities(const Identity& identity) {
  if (identity.uid != 0) capng_clear(CAPNG_SELECT_CAPS);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return std::unexpected(Error::system("cannot set the capabilities"));
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot clear the ambient capabilities"));
  return {};
}

Result<> expect(bool holds, std::string_view what) {
  if (holds) return {};
  return fail(Exit::not_permitted, "the kernel did not keep this: " + std::string(what));
}

Result<> read_back(const Identity& identity, const ProcessStatus& is) {
  const auto all = [](const std::array<uint32_t, 4>& ids, uint32_t id) {
    return std::ranges::all_of(ids, [id](uint32_t each) { return each == id; });
  };
  const uint64_t allowed = identity.uid == 0 ? kept_mask : 0;
  TRY(expect(all(is.uids, identity.uid), "user ids"));
  TRY(expect(all(is.gids, identity.gid), "group ids"));
  TRY(expect(is.groups == identity.groups, "supplementary groups"));
  TRY(expect(is.blocked_signals == 0 && is.ignored_signals == 0, "signals reset"));
  TRY(expect((is.bounding & ~kept_mask) == 0, "bounding set: give the container CAP_SETPCAP"));
  TRY(expect((is.permitted & ~allowed) == 0 && (is.effective & ~allowed) == 0,
             "permitted and effective sets"));
  TRY(expect(is.inheritable == 0 && is.ambient == 0, "empty inheritable and ambient sets"));
  return expect(is.no_new_privs == 1, "no_new_privs");
}

// On top of those that are there: a container runtime's own is one.
Result<> filter_calls(uint64_t filters_before) {
  constexpr uint64_t filtered = 2;
  TRY(install_filter(socket_filter()));
  const ProcessStatus is = TRY(own_process_status());
  return expect(is.seccomp == filtered && is.seccomp_filters == filters_before + 1,
                "the filter of system calls");
}

}  // namespace

Result<Confined> confine(const Identity& identity) {
  TRY(close_descriptors_at_exec());
  TRY(reset_signals());
  const Result<> hidden = hide_platform_api();
  TRY(choose_capabilities());
  TRY(drop_unknown_from_bounding_set());
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
    return fail(Exit::not_permitted, "cannot reduce the bounding set: give the container CAP_SETPCAP");
  TRY(become(identity));
  TRY(apply_capabilities(identity));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot set no_new_privs"));
  const ProcessStatus is = TRY(own_process_status());
  TRY(read_back(identity, is));
  TRY(expect_no_platform_api(hidden));
  TRY(filter_calls(is.seccomp_filters));
  return Confined{};
}

Error exec(Confined, const Command& command) {
  if (::chdir(command.directory.c_str()) != 0) return cannot_start_in(command.directory);
  std::vector<char*> arguments;
  for (const std::string& argument : command.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> environment;
  for (const std::string& variable : command.environment)
    environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);

  ::environ = environment.data();  // PATH is looked up in the agent's environment, not in ours
  ::execvpe(arguments[0], arguments.data(), environment.data());
  const bool missing = errno == ENOENT || errno == ENOTDIR;
  Error error = Error::system(command.arguments[0], missing ? Exit::not_found : Exit::not_executable);
  const char* path = ::getenv("PATH");
  if (missing && !leads_nowhere(command.arguments[0], path == nullptr ? "" : path, command.directory))
    error.message +=
        ": it is there, but not what runs it, its script's interpreter or its C library's loader";
  return error;
}

Error cannot_start_in(const std::string& directory) {
  const bool missing = errno == ENOENT;
  Error error = Error::system("cannot start in " + directory, Exit::configuration);
  error.message +=
      missing ? ": create it, or choose another with --workdir" : ": choose another with --workdir";
  return error;
}

std::vector<std::string> kept_capabilities() {
  std::vector<std::string> names;
  for (const unsigned capability : kept) names.emplace_back(capng_capability_to_name(capability));
  return names;
}

}  // namespace ostiary::confine
