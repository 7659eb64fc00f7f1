// config/relay_entries.h: parses the "relays" array of a policy file.
#pragma once

#include <string>
#include <vector>

#include "ostiary/config/config.h"
#include "ostiary/config/located_json.h"

namespace ostiary::config {

// `path` is that of the file, for later errors. The entries have no credential yet.
Result<std::vector<RelayEntry>> parse_relays(const Node& relays, const std::string& path);

}  // namespace ostiary::config
