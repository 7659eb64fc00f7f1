// telemetry/authorities.h: the files of TLS that the container's variables name.
#pragma once

#include <functional>
#include <string_view>

#include "ostiary/telemetry/tls_files.h"

namespace ostiary::telemetry {

// Gives a variable's value by its name, or an empty text.
using VariableLookup = std::function<std::string_view(std::string_view name)>;

// The authorities, for any server. The client's certificate and key stay empty.
TlsFiles find_authorities(const VariableLookup& variable);

// For the collector.
TlsFiles find_collectors_files(const VariableLookup& variable);

}  // namespace ostiary::telemetry
