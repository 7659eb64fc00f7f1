// plan/upstreams.h: the servers that the gate puts its questions to, in order, and who named each. Pure,
// except for choose_upstreams().
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/config/settings.h"
#include "ostiary/scope/scope.h"
#include "ostiary/upstream/server.h"

namespace ostiary::plan {

struct Gate;

struct PlannedUpstream {
  upstream::Server server;
  std::string source;  // for people
};

// The setting's list.
Result<std::vector<PlannedUpstream>> parse_upstreams(const config::Given& given);

// The servers of /etc/resolv.conf. Docker's embedded resolver is followed by the servers that it would ask
// from within this network: there the redirect would bring its questions back to the gate.
std::vector<PlannedUpstream> upstreams_of(std::string_view resolv_conf);

// The servers that can be asked, and a warning for each of the others. An error if none is left.
Result<std::vector<PlannedUpstream>> usable_upstreams(std::vector<PlannedUpstream> servers,
                                                      std::vector<std::string>& warnings);

struct AskableServer {
  upstream::Server server;
  enum class Place : uint8_t { elsewhere, this_host } place;
};

// The plan's servers that can be asked from this network, and a sentence for each of the others. An error if
// none can be asked. Sends no packet.
struct Askable {
  std::vector<AskableServer> servers;
  std::vector<std::string> refused;
};
Result<Askable> choose_upstreams(std::span<const PlannedUpstream> servers, const scope::Scope& scope);

// An error if a server is on this host now and was not when the plan was made, or the other way round. The
// agent could answer in the place of a server that was taken for another host's.
Result<> check_places(const Gate& gate, const scope::Scope& scope);

}  // namespace ostiary::plan
