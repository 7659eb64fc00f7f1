#include "profile.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper_filters.h"
#include "socket_filter.h"

namespace ostiary::confine {
namespace {

bool all_are(const std::array<uint32_t, 4>& ids, uint32_t id) {
  return std::ranges::all_of(ids, [id](uint32_t each) { return each == id; });
}

uint64_t allowed(const Wanted& wanted) {
  return wanted.identity.uid == 0 ? wanted.kept : 0;
}

// ---- what every process is to have

constexpr Expectation user_ids{"user ids", [](const Wanted& wanted, const ProcessStatus& is) {
                                 return all_are(is.uids, wanted.identity.uid);
                               }};
constexpr Expectation group_ids{"group ids", [](const Wanted& wanted, const ProcessStatus& is) {
                                  return all_are(is.gids, wanted.identity.gid);
                                }};
constexpr Expectation groups{"supplementary groups", [](const Wanted& wanted, const ProcessStatus& is) {
                               return is.groups == wanted.identity.groups;
                             }};
constexpr Expectation bounding{
    "bounding set: give the container CAP_SETPCAP",
    [](const Wanted& wanted, const ProcessStatus& is) { return (is.bounding & ~wanted.kept) == 0; }};
constexpr Expectation inheritable{"empty inheritable set",
                                  [](const Wanted&, const ProcessStatus& is) { return is.inheritable == 0; }};
constexpr Expectation ambient{"empty ambient set",
                              [](const Wanted&, const ProcessStatus& is) { return is.ambient == 0; }};
constexpr Expectation no_new_privs{
    "no_new_privs", [](const Wanted&, const ProcessStatus& is) { return is.no_new_privs == 1; }};

// ---- the agent

// A root agent needs these to install packages and to run services under their own users. None of
// them reaches the network's configuration, another process or the kernel.
constexpr std::array<unsigned, 8> kept_by_a_root_agent{
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,
    CAP_SETGID, CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};

// A container may lack a capability that a root agent keeps.
constexpr std::array agent_expectations{
    user_ids,
    group_ids,
    groups,
    Expectation{"no blocked signals",
                [](const Wanted&, const ProcessStatus& is) { return is.blocked_signals == 0; }},
    Expectation{"no ignored signals",
                [](const Wanted&, const ProcessStatus& is) { return is.ignored_signals == 0; }},
    bounding,
    Expectation{
        "permitted set",
        [](const Wanted& wanted, const ProcessStatus& is) { return (is.permitted & ~allowed(wanted)) == 0; }},
    Expectation{
        "effective set",
        [](const Wanted& wanted, const ProcessStatus& is) { return (is.effective & ~allowed(wanted)) == 0; }},
    inheritable,
    ambient,
    no_new_privs,
};

// ---- the gate

constexpr std::array<unsigned, 1> kept_by_the_gate{CAP_NET_ADMIN};

constexpr std::array gate_expectations{
    user_ids,
    group_ids,
    groups,
    bounding,
    Expectation{"CAP_NET_ADMIN: run the container with --cap-add=NET_ADMIN",
                [](const Wanted& wanted, const ProcessStatus& is) {
                  return is.permitted == wanted.kept && is.effective == wanted.kept;
                }},
    inheritable,
    ambient,
    no_new_privs,
};

// ---- the relay

constexpr std::array relay_expectations{
    user_ids,
    group_ids,
    groups,
    bounding,
    Expectation{
        "no capability",
        [](const Wanted&, const ProcessStatus& is) { return is.permitted == 0 && is.effective == 0; }},
    inheritable,
    ambient,
    no_new_privs,
};

}  // namespace

const Profile& agent_profile() {
  static const Profile profile{.process = "the agent",
                               .capabilities = kept_by_a_root_agent,
                               .kept_by = KeptBy::root,
                               .memory = Memory::as_the_kernel_decides,
                               .filter = socket_filter(),
                               .expectations = agent_expectations};
  return profile;
}

const Profile& profile_of(HelperProfile helper) {
  // In the order of HelperProfile.
  static const std::array profiles{Profile{.process = "the gate",
                                           .capabilities = kept_by_the_gate,
                                           .kept_by = KeptBy::any_user,
                                           .memory = Memory::hidden,
                                           .filter = gate_filter(),
                                           .expectations = gate_expectations},
                                   Profile{.process = "the relay",
                                           .capabilities = {},
                                           .kept_by = KeptBy::any_user,
                                           .memory = Memory::hidden,
                                           .filter = relay_filter(),
                                           .expectations = relay_expectations}};
  return profiles.at(std::to_underlying(helper));
}

const Profile& serving_relay_profile() {
  static const Profile profile{
      .process = "the relay", .capabilities = {}, .filter = serving_relay_filter(), .expectations = {}};
  return profile;
}

uint64_t mask_of(std::span<const unsigned> capabilities) {
  uint64_t mask = 0;
  for (const unsigned capability : capabilities) mask |= uint64_t{1} << capability;
  return mask;
}

Result<> read_back(const Profile& profile, const Identity& identity, const ProcessStatus& is) {
  const Wanted wanted{.identity = identity, .kept = mask_of(profile.capabilities)};
  for (const Expectation& each : profile.expectations)
    if (!each.holds(wanted, is))
      return fail(Exit::not_permitted,
                  "the kernel did not apply this to " + std::string(profile.process) + ": " + each.what);
  return {};
}

Result<> install_filter(const Profile& profile) {
  const sock_fprog filter{static_cast<unsigned short>(profile.filter.size()),
                          const_cast<sock_filter*>(profile.filter.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
    return std::unexpected(Error::system("cannot filter " + std::string(profile.process) +
                                         "'s system calls: the kernel needs CONFIG_SECCOMP_FILTER"));
  return {};
}

}  // namespace ostiary::confine
