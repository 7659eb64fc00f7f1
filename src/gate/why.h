// gate/why.h: why a flow is refused for its name, as words of the audit, beside those of tls::HelloFault. docs/audit.md
// explains each.
#pragma once

#include <string_view>

namespace ostiary::gate::why {

// of its name
inline constexpr std::string_view no_rule = "no-rule";
inline constexpr std::string_view not_admitted = "not-admitted";
inline constexpr std::string_view another_name = "another-name";
inline constexpr std::string_view early_hello = "early-hello";

// of its packets
inline constexpr std::string_view urgent = "urgent";
inline constexpr std::string_view changed = "changed";
inline constexpr std::string_view unfinished = "unfinished";
inline constexpr std::string_view no_answer = "no-answer";
inline constexpr std::string_view crowded = "crowded";
inline constexpr std::string_view unseen = "beginning-unseen";

// of its requests
inline constexpr std::string_view not_http = "not-http";
inline constexpr std::string_view not_a_path = "not-a-path";
inline constexpr std::string_view tunnel = "tunnel";
inline constexpr std::string_view upgrade = "upgrade";
inline constexpr std::string_view expectation = "expectation";
inline constexpr std::string_view framing = "framing";

}  // namespace ostiary::gate::why
