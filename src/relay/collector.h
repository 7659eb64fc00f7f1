// relay/collector.h: where the telemetry goes, and how.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ostiary/base/secret.h"
#include "ostiary/inet/destination.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/telemetry/endpoint.h"
#include "relay/gzip.h"

namespace ostiary::relay {

struct Collector {
  inet::Destination destination;
  telemetry::Protocol protocol = telemetry::Protocol::http_protobuf;
  bool is_tls = true;     // if not, the credentials are sent in plain text
  std::string authority;  // for the Host field: the name, and the port if it is not the scheme's
  std::map<telemetry::Signal, std::string> paths;  // over HTTP
  Coding coding = Coding::identity;
  Secret header_lines;  // whole lines, each with its CRLF: "Authorization: Basic …\r\n"
};

Collector collector_of(const CollectorSetup& setup, Secret header_lines);

}  // namespace ostiary::relay
