// otlp/nesting.h: whether the messages of a request are so few inside each other that every reader can take it.
// - An attribute's value can be a list of values. Readers commonly call themselves for each, so a request of a few
//   megabytes can exhaust the stack of a collector, which then loses the telemetry of all its senders.
// - Other readers refuse more than 100 messages inside each other. Claude Code sends 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ostiary::otlp {

enum class ItemKind : uint8_t { spans, metrics, log_records };

// Whether no more than limits::levels messages are inside each other. False also where malformed octets hide how
// many there are.
bool is_within_levels(std::string_view request, ItemKind items);

namespace limits {
// The request is the first.
inline constexpr size_t levels = 32;
}  // namespace limits

}  // namespace ostiary::otlp
