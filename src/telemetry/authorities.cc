#include "ostiary/telemetry/authorities.h"

#include <string>

namespace ostiary::telemetry {

TlsFiles find_authorities(const std::function<std::string_view(std::string_view name)>& variable) {
  const std::string_view file = variable("SSL_CERT_FILE");
  return {.authorities = std::string(file.empty() ? variable("SSL_CERT_DIR") : file),
          .more_authorities = std::string(variable("NODE_EXTRA_CA_CERTS"))};
}

}  // namespace ostiary::telemetry
