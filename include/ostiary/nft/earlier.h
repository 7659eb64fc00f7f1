// nft/earlier.h: whether this network namespace has processes that the rules must go on holding.
// The table says so, by chains without rules: it lives as long as the network namespace, and no agent can
// change it. A boot whose keeper was killed leaves a table that says nothing, and that means yes.
#pragma once

#include <cstdint>
#include <optional>

#include "ostiary/base/result.h"

namespace ostiary::nft {

enum class Earlier : uint8_t {
  none,            // there is no table
  ended,           // all that it held have ended
  held,            // some may be left, and rules for the same user, or for everybody, hold them as well
  held_otherwise,  // some may be left, and rules for this user alone would set them free
};

// Requires that no boot runs. `only_user` as in the ruleset to come.
Result<Earlier> find_earlier(std::optional<uint32_t> only_user);

// All that the table held have ended. No table is fine.
Result<> mark_ended();

// A session of `ostiary exec` may outlive the boot that it joins. It is an error where there is no table to
// hold it.
Result<> mark_joined();
Result<bool> was_joined();

// Names of the chains.
inline constexpr const char* ended_name = "ended";
inline constexpr const char* joined_name = "joined";
inline constexpr const char* user_prefix = "user_";

}  // namespace ostiary::nft
