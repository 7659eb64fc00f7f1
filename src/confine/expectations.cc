#include "expectations.h"

#include <algorithm>
#include <array>
#include <string>

namespace ostiary::confine {
namespace {

bool all_are(const std::array<uint32_t, 4>& ids, uint32_t id) {
  return std::ranges::all_of(ids, [id](uint32_t each) { return each == id; });
}

uint64_t allowed(const Wanted& wanted) {
  return wanted.identity.uid == 0 ? wanted.kept : 0;
}

constexpr std::array all{
    Expectation{"user ids", [](const Wanted& wanted,
                               const ProcessStatus& is) { return all_are(is.uids, wanted.identity.uid); }},
    Expectation{"group ids", [](const Wanted& wanted,
                                const ProcessStatus& is) { return all_are(is.gids, wanted.identity.gid); }},
    Expectation{
        "supplementary groups",
        [](const Wanted& wanted, const ProcessStatus& is) { return is.groups == wanted.identity.groups; }},
    Expectation{"no blocked signals",
                [](const Wanted&, const ProcessStatus& is) { return is.blocked_signals == 0; }},
    Expectation{"no ignored signals",
                [](const Wanted&, const ProcessStatus& is) { return is.ignored_signals == 0; }},
    Expectation{
        "bounding set: give the container CAP_SETPCAP",
        [](const Wanted& wanted, const ProcessStatus& is) { return (is.bounding & ~wanted.kept) == 0; }},
    Expectation{
        "permitted set",
        [](const Wanted& wanted, const ProcessStatus& is) { return (is.permitted & ~allowed(wanted)) == 0; }},
    Expectation{
        "effective set",
        [](const Wanted& wanted, const ProcessStatus& is) { return (is.effective & ~allowed(wanted)) == 0; }},
    Expectation{"empty inheritable set",
                [](const Wanted&, const ProcessStatus& is) { return is.inheritable == 0; }},
    Expectation{"empty ambient set", [](const Wanted&, const ProcessStatus& is) { return is.ambient == 0; }},
    Expectation{"no_new_privs", [](const Wanted&, const ProcessStatus& is) { return is.no_new_privs == 1; }},
};

}  // namespace

std::span<const Expectation> expectations() {
  return all;
}

Result<> read_back(std::span<const Expectation> expectations, const Wanted& wanted, const ProcessStatus& is) {
  for (const Expectation& each : expectations)
    if (!each.holds(wanted, is))
      return fail(Exit::not_permitted, std::string("the kernel did not apply this: ") + each.what);
  return {};
}

}  // namespace ostiary::confine
