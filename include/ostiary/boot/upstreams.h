// boot/upstreams.h: the servers that the gate puts its questions to, in order, and who named each. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/settings.h"
#include "ostiary/upstream/server.h"

namespace ostiary::boot {

struct PlannedUpstream {
  upstream::Server server;
  std::string source;  // for people
};

// The setting's list.
Result<std::vector<PlannedUpstream>> parse_upstreams(const config::Given& given);

// Those of /etc/resolv.conf. Behind Docker's embedded resolver come the servers that it would ask from within
// this network: there its questions would come back to the gate.
std::vector<PlannedUpstream> upstreams_of(std::string_view resolv_conf);

// Those that can be asked; each of the others is a warning. An error where there were some and none is left.
Result<std::vector<PlannedUpstream>> usable_upstreams(std::vector<PlannedUpstream> servers,
                                                      std::vector<std::string>& warnings);

}  // namespace ostiary::boot
