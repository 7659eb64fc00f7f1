// claude/providers.h: the other providers of Claude's models. Each has servers and credentials of its own, and
// the relay of the API serves none of them.
#pragma once

#include <array>
#include <string_view>

namespace ostiary::claude {

inline constexpr std::string_view bedrock = "CLAUDE_CODE_USE_BEDROCK";
inline constexpr std::string_view mantle = "CLAUDE_CODE_USE_MANTLE";
inline constexpr std::string_view platform_on_aws = "CLAUDE_CODE_USE_ANTHROPIC_AWS";
inline constexpr std::string_view platform_on_google_cloud = "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD";
inline constexpr std::string_view vertex = "CLAUDE_CODE_USE_VERTEX";
inline constexpr std::string_view foundry = "CLAUDE_CODE_USE_FOUNDRY";

// The variables that choose them.
inline constexpr std::array providers{bedrock, mantle, platform_on_aws, platform_on_google_cloud,
                                      vertex,  foundry};

}  // namespace ostiary::claude
