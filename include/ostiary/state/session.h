// state/session.h: the agent's identity and environment, in the form that `ostiary exec` reads.
// - The form is a sequence of strings, each with a NUL at its end, because an environment can hold
//   every other byte. The strings are a version, uid, gid, groups, name, home, shell, domain,
//   workdir and network, and then the environment's entries.
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
  std::string network;  // net::text(NetworkId) of the rules' network; empty without a gate
  config::Environment environment;
};

Secret render_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                      std::span<const std::string> environment);
Result<Session> parse_session(std::string_view text);

}  // namespace ostiary::state
