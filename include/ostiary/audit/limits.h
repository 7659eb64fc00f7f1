// audit/limits.h: the limits of audit lines, of folding and of the journal's files.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <limits.h>

namespace ostiary::audit::limits {

// The maximum size of one write. A pipe accepts a write of this size whole or not at all.
inline constexpr size_t octets_at_once = 4096;
// A line, including its newline.
inline constexpr size_t line_octets = octets_at_once;
// A text in a line, including escapes and the mark of a cut, without the quotes.
inline constexpr size_t text_octets = 1264;
// The maximum number of texts of unlimited length in one event.
inline constexpr size_t texts = 3;
// The rest of a line: braces, field names, the time, numbers, addresses.
inline constexpr size_t frame_octets = 300;

// If there are more than fold_passed denials in a window, the others are counted together.
inline constexpr std::chrono::seconds fold_window{1};
inline constexpr size_t fold_passed = 100;
// The maximum number of kinds of denials that are counted separately.
inline constexpr size_t fold_entries = 1024;

// The number of files of a journal: the current one and those before it.
inline constexpr size_t files = 4;
// The minimum of the setting for the total size of the files.
inline constexpr uint64_t least_octets = 1U << 20U;

static_assert(octets_at_once <= PIPE_BUF);
// The last quarter of a file has room for lines that are written until the next file is ready.
static_assert(least_octets / files / 4 >= 16 * octets_at_once);
static_assert(texts * text_octets + frame_octets <= line_octets);
// A name of 255 octets on the wire is never cut, even if every octet but the dots becomes "\\000".
static_assert((255 - 5) * 5 + 3 <= text_octets);
static_assert(fold_passed < fold_entries);

}  // namespace ostiary::audit::limits
