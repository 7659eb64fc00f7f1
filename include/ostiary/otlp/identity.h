// otlp/identity.h: states in telemetry who sent it, whatever the sender says.
// - Every resource gets the given attributes. The sender's own attributes stay, except those whose key
//   is, or in some database becomes, one of the given keys: service_name is service.name.
// - A block that describes nothing is left out.
// - Only the resources are read. What they describe is copied, and the collector checks it.
// - The result is written anew, with no unknown field around a resource, so that all readers find
//   the same resources in it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ostiary::otlp {

struct Attribute {
  std::string key;
  std::string value;
};

class Identity {
 public:
  explicit Identity(std::span<const Attribute> attributes);

  // `request` is an ExportTraceServiceRequest, or that of metrics or logs: their resources have the
  // same form. Nothing if it is malformed, or has more than limits::resources.
  std::optional<std::string> applied_to(std::string_view request) const;

 private:
  std::string resource_with_ours(std::string_view theirs) const;
  bool is_ours(std::string_view key) const;

  std::vector<std::string> keys_;  // as they are compared
  std::string attributes_;         // as fields of a Resource
};

namespace limits {
// In one request. Each gets the attributes, so that many would multiply them.
inline constexpr size_t resources = 256;
}  // namespace limits

}  // namespace ostiary::otlp
