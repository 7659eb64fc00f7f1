#include "ostiary/telemetry/authorities.h"

#include <initializer_list>
#include <string>

namespace ostiary::telemetry {
namespace {

std::string first_of(const VariableLookup& variable, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const std::string_view value = variable(name); !value.empty()) return std::string(value);
  return {};
}

}  // namespace

TlsFiles find_authorities(const VariableLookup& variable) {
  return {.authorities = first_of(variable, {"SSL_CERT_FILE", "SSL_CERT_DIR"}),
          .more_authorities = first_of(variable, {"NODE_EXTRA_CA_CERTS"})};
}

TlsFiles find_collectors_files(const VariableLookup& variable) {
  TlsFiles found = find_authorities(variable);
  if (std::string own = first_of(variable, {"OTEL_EXPORTER_OTLP_CERTIFICATE"}); !own.empty())
    found.authorities = std::move(own);
  found.client_certificate =
      first_of(variable, {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "CLAUDE_CODE_CLIENT_CERT"});
  found.client_key = first_of(variable, {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "CLAUDE_CODE_CLIENT_KEY"});
  return found;
}

}  // namespace ostiary::telemetry
