// relay/post.h: a request of telemetry, on its way from the agent to the collector.
#pragma once

#include <string>

#include "ostiary/telemetry/endpoint.h"

namespace ostiary::relay {

struct Post {
  telemetry::Signal signal{};
  std::string body;  // protobuf
};

}  // namespace ostiary::relay
