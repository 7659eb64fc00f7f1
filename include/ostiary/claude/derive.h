// claude/derive.h: derives rules from the session's own variables, without any configuration.
//
//   always                               api.anthropic.com
//   CLAUDE_CODE_OAUTH_TOKEN              + platform.claude.com
//   no credentials at all                + the hosts of an interactive sign-in
//   CLAUDE_CODE_USE_… (providers.h)      + the provider's preset; of Foundry the resource's host,
//                                          login.microsoftonline.com
//   VERTEX_REGION_CLAUDE_…               + that region's host, with CLAUDE_CODE_USE_VERTEX
//   ANTHROPIC_…BASE_URL, CODER_AGENT_URL + that host and port
//
// - A host from a URL variable may have a private address, such as a gateway on the same network.
//   The hosts of Anthropic and of the clouds may not.
// - Beside a relay of the API, the hosts of the API and of its sign-in are closed to the agent.
// - The hosts of telemetry are not here. They come from the endpoint (telemetry/).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"

namespace ostiary::claude {

// Of the rule for the API, which no setting names.
inline constexpr std::string_view api_reason = "Claude's API";

// Who sends the session's requests to its API: the agent, or the relay for it.
enum class ApiRoad : uint8_t { direct, relay };

// The reason of a rule names its cause, usually a variable. An error names the variable and never
// repeats its value. `environment` has the entries "NAME=value" that `variable` finds, for names that are not
// known beforehand.
Result<std::vector<policy::Rule>> derive(const policy::Lookup& variable,
                                         std::span<const std::string> environment,
                                         ApiRoad road = ApiRoad::direct);

}  // namespace ostiary::claude
