// state/session.h: who the agent is and what its environment holds, kept for `ostiary exec`.
// Strings, each ended by a NUL, since an environment can hold every other byte: a version, then uid, gid,
// groups, name, home, shell, workdir, network, and the environment to the end.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/environment.h"
#include "ostiary/confine/identity.h"

namespace ostiary::state {

struct Session {
  confine::Identity identity;
  std::string workdir;
  std::string network;  // whose rules hold the agent: net::text(NetworkId); empty where the gate is off
  config::Environment environment;
};

Secret render_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                      std::span<const std::string> environment);
Result<Session> parse_session(std::string_view text);

}  // namespace ostiary::state
