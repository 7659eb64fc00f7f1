#include "ostiary/confine/confine.h"

#include <cap-ng.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capabilities.h"
#include "descriptors.h"
#include "enter_domain.h"
#include "ostiary/base/read_file.h"
#include "ostiary/confine/confine_helper.h"
#include "ostiary/confine/program.h"
#include "ostiary/event/signals.h"
#include "platform_api.h"
#include "process_status.h"
#include "profile.h"

namespace ostiary::confine {
namespace {

Result<> reset_signals() {
  TRY(event::reset_dispositions());
  sigset_t none;
  sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0)
    return std::unexpected(Error::system("cannot unblock signals"));
  return {};
}

std::unexpected<Error> needs(std::string_view capability, Error error) {
  error.message += ": give the container " + std::string(capability);
  return std::unexpected(std::move(error));
}

constexpr size_t setting_size = 16;

// Between the change of the user and the end of this program's own code, another process of that
// user could trace this one, if the kernel kept its memory readable. Yama forbids it from 1 on.
Result<> expect_untraceable(const Identity& identity) {
  if (identity.uid == 0 || read_file("/proc/sys/fs/suid_dumpable", setting_size) != "1\n") return {};
  const auto yama = read_file("/proc/sys/kernel/yama/ptrace_scope", setting_size);
  if (yama && *yama != "0\n") return {};
  return fail(Exit::not_permitted,
              "fs.suid_dumpable is 1: another process of user " + std::to_string(identity.uid) +
                  " could trace this one before it is confined: set it to 0 or 2 on the host");
}

Result<> become(const Identity& identity) {
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0)
    return needs("CAP_SETGID", Error::system("cannot set the supplementary groups"));
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0)
    return needs("CAP_SETGID", Error::system("cannot become group " + std::to_string(identity.gid)));
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0)
    return needs("CAP_SETUID", Error::system("cannot become user " + std::to_string(identity.uid)));
  return {};
}

// A change of the user resets whether the memory is hidden, so that comes last.
Result<> drop_privileges(const Profile& profile, const Identity& identity) {
  TRY(reduce_bounding_set(profile));
  TRY(prepare_change_of_user(profile));
  TRY(expect_untraceable(identity));
  TRY(become(identity));
  TRY(apply_capabilities(profile, identity.uid));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot set no_new_privs"));
  return profile.memory == Memory::hidden ? hide_memory() : Result<>{};
}

// Adds a filter to those that exist already, such as the container runtime's.
Result<> filter_calls(const Profile& profile, const OwnStatus& status) {
  constexpr uint64_t filtered = 2;
  const uint64_t filters_before = TRY(status.read()).seccomp_filters;
  TRY(install_filter(profile));
  const ProcessStatus is = TRY(status.read());
  if (is.seccomp != filtered || is.seccomp_filters != filters_before + 1)
    return fail(Exit::not_permitted, "the kernel did not apply this to " + std::string(profile.process) +
                                         ": the filter of system calls");
  return {};
}

}  // namespace

Result<> hide_memory() {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot hide this process's memory"));
  return {};
}

Result<Confined> confine(const Identity& identity) {
  const Profile& profile = agent_profile();
  TRY(close_descriptors_at_exec());
  TRY(reset_signals());
  const Result<> hidden = hide_platform_api();
  const OwnStatus status = TRY(OwnStatus::open());
  TRY(drop_privileges(profile, identity));
  TRY(read_back(profile, identity, TRY(status.read())));
  TRY(expect_no_platform_api(hidden));
  TRY(enter_domain(identity.domain));
  TRY(filter_calls(profile, status));
  return Confined{};
}

Result<> confine_helper(HelperProfile helper, uid_t user) {
  const Profile& profile = profile_of(helper);
  const Identity identity{.uid = user, .gid = user, .groups = {}, .name = {}, .home = {}, .shell = {}};
  const OwnStatus status = TRY(OwnStatus::open());
  if (Result<> dropped = drop_privileges(profile, identity); !dropped)
    return std::unexpected(std::move(dropped).error().within(profile.process));
  TRY(read_back(profile, identity, TRY(status.read())));
  return filter_calls(profile, status);
}

Result<> narrow_to_serve() {
  return filter_calls(serving_relay_profile(), TRY(OwnStatus::open()));
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

  ::environ = environment.data();  // execvpe() reads PATH from here: it must be the agent's
  ::execvpe(arguments[0], arguments.data(), environment.data());
  const bool missing = errno == ENOENT || errno == ENOTDIR;
  Error error = Error::system(command.arguments[0], missing ? Exit::not_found : Exit::not_executable);
  const char* path = ::getenv("PATH");
  if (missing && !leads_nowhere(command.arguments[0], path == nullptr ? "" : path, command.directory))
    error.message += ": the file exists, but its script's interpreter or its C library's loader does not";
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
  for (const unsigned capability : agent_profile().capabilities)
    names.emplace_back(capng_capability_to_name(capability));
  return names;
}

}  // namespace ostiary::confine
