// confine/identity.h: the agent's ids and groups, the values that a login puts in its environment,
// and its processes' domain.
// Users and groups are those of /etc/passwd and /etc/group.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/domain.h"

namespace ostiary::confine {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary; sorted; includes `gid`
  std::string name;
  std::string home;
  std::string shell;
  Domain domain = Domain::none;

  bool operator==(const Identity&) const = default;
};

// Parses NAME or UID, with an optional :GID or :GROUP. A UID needs :GID if /etc/passwd lacks it.
Result<Identity> find_identity(std::string_view spec);

// The user of this process, with the groups that a login would give it.
Result<Identity> own_identity();

}  // namespace ostiary::confine
