// telemetry/authorities.h: the certificate authorities that the container's variables name, for any server.
#pragma once

#include <functional>
#include <string_view>

#include "ostiary/telemetry/tls_files.h"

namespace ostiary::telemetry {

// `variable` gives a value by its name. The client's certificate and key stay empty.
TlsFiles find_authorities(const std::function<std::string_view(std::string_view name)>& variable);

}  // namespace ostiary::telemetry
