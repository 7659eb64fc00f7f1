#include "relay/telemetry_request.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "ostiary/base/text.h"
#include "ostiary/http/path.h"

namespace ostiary::relay {
namespace {

using telemetry::Signal;

constexpr std::array<std::pair<std::string_view, Signal>, 3> paths{
    {{"/v1/traces", Signal::traces}, {"/v1/metrics", Signal::metrics}, {"/v1/logs", Signal::logs}}};

std::optional<Signal> signal_of(std::string_view target) {
  const auto path = http::Path::parse(target);
  if (!path) return std::nullopt;
  const auto* const found = std::ranges::find(paths, path->text(), &decltype(paths)::value_type::first);
  return found == paths.end() ? std::nullopt : std::optional(found->second);
}

// The value if there is exactly one such field; empty if there is none.
std::optional<std::string_view> only_value(const http::RequestHead& head, std::string_view name) {
  std::optional<std::string_view> value;
  for (const http::Field& field : head.fields) {
    if (!http::resembles(field.name, name)) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value.value_or("");
}

bool is_protobuf(std::string_view content_type) {
  return equal_ignoring_case(trim(take_until(content_type, ';')), "application/x-protobuf");
}

}  // namespace

std::expected<Signal, Refusal> read_telemetry_request(const http::RequestHead& head) {
  const auto signal = signal_of(head.target);
  if (!signal) return std::unexpected(Refusal{404, "only /v1/traces, /v1/metrics and /v1/logs are served"});
  if (head.method != "POST") return std::unexpected(Refusal{405, "only POST is served"});
  if (head.framing.kind == http::Framing::Kind::none)
    return std::unexpected(Refusal{411, "the request has no body"});
  if (const auto type = only_value(head, "content-type"); !type || !is_protobuf(*type))
    return std::unexpected(Refusal{415, "the body is not application/x-protobuf"});
  if (const auto coding = only_value(head, "content-encoding");
      !coding || (!coding->empty() && !equal_ignoring_case(*coding, "identity")))
    return std::unexpected(Refusal{415, "the body has a content coding"});
  return *signal;
}

}  // namespace ostiary::relay
