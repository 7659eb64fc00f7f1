// confine/profile.h: how each kind of process is confined: the capabilities that it keeps, its
// filter of system calls, and the state that the kernel must report before the process may go on.
// - A capability that is not on the list leaves every set, even one that this program does not
//   know.
// - Each expectation checks a step that could have failed silently.
// docs/decisions/0004-what-a-root-agent-keeps.md
#pragma once

#include <cstdint>
#include <span>

#include <linux/filter.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/confine_helper.h"
#include "ostiary/confine/identity.h"
#include "process_status.h"

namespace ostiary::confine {

// The state that the process must have reached.
struct Wanted {
  const Identity& identity;
  uint64_t kept;  // mask of the profile's capabilities
};

struct Expectation {
  const char* what;  // for the error, with the remedy if there is one
  bool (*holds)(const Wanted& wanted, const ProcessStatus& is);
};

// The user for whom a process keeps the capabilities. Any other user has them in the bounding set
// alone.
enum class KeptBy : uint8_t { root, any_user };
// `hidden`: only a process with CAP_SYS_PTRACE can read the memory.
enum class Memory : uint8_t { as_the_kernel_decides, hidden };

struct Profile {
  const char* process;  // for errors: "the agent"
  std::span<const unsigned> capabilities;
  KeptBy kept_by = KeptBy::root;
  Memory memory = Memory::hidden;
  std::span<const sock_filter> filter;
  // All expectations except the one about the filter, which is installed last.
  std::span<const Expectation> expectations;
};

const Profile& agent_profile();
const Profile& profile_of(HelperProfile helper);
// Of narrow_to_serve(). Only its filter is used.
const Profile& serving_relay_profile();

uint64_t mask_of(std::span<const unsigned> capabilities);

// The error names the first expectation that does not hold.
Result<> read_back(const Profile& profile, const Identity& identity, const ProcessStatus& is);

// Installs the profile's filter for this process and its descendants, for good. Requires
// no_new_privs.
Result<> install_filter(const Profile& profile);

}  // namespace ostiary::confine
