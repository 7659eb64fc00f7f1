// audit/limits.h: how much an audit line holds, and how many lines there are.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <limits.h>

namespace ostiary::audit::limits {

// One write of so many octets into a pipe is whole or not at all.
inline constexpr size_t octets_at_once = 4096;
// A line with its end.
inline constexpr size_t line_octets = octets_at_once;
// A text as it stands in a line, escapes and the mark of what was cut off included, quotes not.
inline constexpr size_t text_octets = 1264;
// No event has more texts of any length than this.
inline constexpr size_t texts = 3;
// All else in a line: braces, field names, the time, numbers, addresses.
inline constexpr size_t frame_octets = 300;

// A second in which more than so many are denied has the rest counted together.
inline constexpr std::chrono::seconds fold_window{1};
inline constexpr size_t fold_passed = 100;
// Kinds of denial told apart among the rest.
inline constexpr size_t fold_entries = 1024;

// Of a journal in a file: the one that is written, and those before it.
inline constexpr size_t files = 4;
// What they hold together is a setting; at least this.
inline constexpr uint64_t least_octets = 1U << 20U;

static_assert(octets_at_once <= PIPE_BUF);
static_assert(least_octets / files / 4 >= 16 * octets_at_once);  // while a new one is being made
static_assert(texts * text_octets + frame_octets <= line_octets);
// A name of 255 octets on the wire, each of them written as "\\000" but for the dots, is never cut.
static_assert((255 - 5) * 5 + 3 <= text_octets);
static_assert(fold_passed < fold_entries);

}  // namespace ostiary::audit::limits
