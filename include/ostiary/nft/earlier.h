// nft/earlier.h: whether this network namespace may still have processes that an earlier boot
// confined.
// - The table records it in notes, which are chains without rules. The table lives as long as the
//   network namespace, and no agent can change it.
// - A boot whose keeper was killed leaves a table without a note. Then such processes may exist.
#pragma once

#include <cstdint>
#include <optional>

#include "ostiary/base/result.h"

namespace ostiary::nft {

enum class Earlier : uint8_t {
  none,            // there is no table
  ended,           // every process that the table held has ended
  held,            // some may be left; the new rules hold their user, or every process
  held_otherwise,  // some may be left; the new rules hold this user alone, and would release them
};

// Requires that no boot is running. `only_user` is that of the new ruleset.
Result<Earlier> find_earlier(std::optional<uint32_t> only_user);

// Notes that every process that the table held has ended. It is not an error if there is no table.
Result<> mark_ended();

// Notes a session of `ostiary exec`, which may outlive the boot that it joins. It is an error if
// there is no table to hold the session.
Result<> mark_joined();
Result<bool> was_joined();

// Names of the notes.
inline constexpr const char* ended_name = "ended";
inline constexpr const char* joined_name = "joined";
inline constexpr const char* user_prefix = "user_";

}  // namespace ostiary::nft
