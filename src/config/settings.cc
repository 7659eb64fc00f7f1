#include "ostiary/config/settings.h"

#include <vector>

#include "ostiary/base/text.h"

namespace ostiary::config {
namespace {

// Whether the entry begins with a port of all networks: "3000", "3000/udp,10.1.0.0/16:22".
bool begins_with_port(std::string_view entry) {
  return !entry.empty() && !entry.substr(0, entry.find(',')).contains(':');
}

}  // namespace

std::string join_entries(std::string_view key, std::span<const std::string> entries) {
  if (key != "allow_inbound") return join(entries, ",");
  std::vector<std::string_view> ports, networks;
  for (std::string_view entry : entries) {
    while (begins_with_port(entry)) ports.push_back(take_until(entry, ','));
    if (!entry.empty()) networks.push_back(entry);
  }
  ports.insert(ports.end(), networks.begin(), networks.end());
  return join(ports, ",");
}

}  // namespace ostiary::config
