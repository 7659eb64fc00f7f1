#include "relay/collector.h"

#include <utility>

namespace ostiary::relay {

Collector collector_of(const CollectorSetup& setup, Secret header_lines) {
  return {.destination = setup.server.destination,
          .protocol = setup.protocol,
          .is_tls = setup.server.scheme == inet::Scheme::https,
          .authority = setup.authority,
          .paths = setup.paths,
          .coding = setup.compression == telemetry::Compression::gzip ? Coding::gzip : Coding::identity,
          .header_lines = std::move(header_lines)};
}

}  // namespace ostiary::relay
