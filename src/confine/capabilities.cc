#include "capabilities.h"

#include <algorithm>

#include <cap-ng.h>
#include <linux/capability.h>
#include <sys/prctl.h>

namespace ostiary::confine {
namespace {

Result<> prepare_sets(std::span<const unsigned> kept) {
  if (capng_get_caps_process() != 0) return fail(Exit::not_permitted, "cannot read the capabilities");
  for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability) {
    if (std::ranges::find(kept, capability) != kept.end()) continue;
    const auto everywhere =
        static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET);
    if (capng_update(CAPNG_DROP, everywhere, capability) != 0)
      return fail(Exit::not_permitted, "cannot prepare the capability sets");
  }
  for (const unsigned capability : kept)
    if (capng_update(CAPNG_DROP, CAPNG_INHERITABLE, capability) != 0)
      return fail(Exit::not_permitted, "cannot prepare the capability sets");
  return {};
}

// Drops, by number, the capabilities that this kernel has and the build's headers lack.
Result<> drop_unknown_from_bounding_set() {
  for (int capability = CAP_LAST_CAP + 1; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return std::unexpected(Error::system("cannot drop a capability from the bounding set"));
  return {};
}

}  // namespace

Result<> reduce_bounding_set(const Profile& profile) {
  TRY(prepare_sets(profile.capabilities));
  TRY(drop_unknown_from_bounding_set());
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
    return fail(Exit::not_permitted, "cannot reduce the bounding set: give the container CAP_SETPCAP");
  return {};
}

Result<> prepare_change_of_user(const Profile& profile) {
  if (profile.kept_by == KeptBy::any_user && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot keep capabilities through a change of the user"));
  return {};
}

// The kernel removes from the ambient set every capability that leaves the inheritable set.
Result<> apply_capabilities(const Profile& profile, uid_t user) {
  if (user != 0 && profile.kept_by == KeptBy::root) capng_clear(CAPNG_SELECT_CAPS);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return std::unexpected(Error::system("cannot set the capabilities"));
  return {};
}

}  // namespace ostiary::confine
