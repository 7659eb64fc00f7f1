#include "capabilities.h"

#include <algorithm>
#include <array>

#include <cap-ng.h>
#include <linux/capability.h>
#include <sys/prctl.h>

namespace ostiary::confine {
namespace {

// A root agent needs these to install packages and to run services under their own users. None of
// them reaches the network's configuration, another process or the kernel.
constexpr std::array<unsigned, 8> kept_by_root{
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,
    CAP_SETGID, CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};

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

std::span<const unsigned> kept() {
  return kept_by_root;
}

uint64_t mask_of(std::span<const unsigned> capabilities) {
  uint64_t mask = 0;
  for (const unsigned capability : capabilities) mask |= uint64_t{1} << capability;
  return mask;
}

Result<> reduce_bounding_set(std::span<const unsigned> kept) {
  TRY(prepare_sets(kept));
  TRY(drop_unknown_from_bounding_set());
  if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
    return fail(Exit::not_permitted, "cannot reduce the bounding set: give the container CAP_SETPCAP");
  return {};
}

// The kernel removes from the ambient set every capability that leaves the inheritable set.
Result<> apply_capabilities(uid_t user) {
  if (user != 0) capng_clear(CAPNG_SELECT_CAPS);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0)
    return std::unexpected(Error::system("cannot set the capabilities"));
  return {};
}

}  // namespace ostiary::confine
