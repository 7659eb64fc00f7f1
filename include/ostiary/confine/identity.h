// confine/identity.h: who the agent is: ids, groups, and what a login would put in its environment.
// Users and groups are those of /etc/passwd and /etc/group.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary, sorted, `gid` among them
  std::string name;
  std::string home;
  std::string shell;

  bool operator==(const Identity&) const = default;
};

// NAME or UID, with an optional :GID or :GROUP. A UID that /etc/passwd does not know needs its :GID.
Result<Identity> find_identity(std::string_view spec);

// The user we already are, with the groups a login would give it.
Result<Identity> own_identity();

}  // namespace ostiary::confine
