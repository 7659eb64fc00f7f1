// base/nearest.h: the word that was probably meant.
#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace ostiary {

// How many letters to add, drop or replace to get from one word to the other.
inline size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] == to[j] ? 0U : 1U);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

// The word closest to `written`, or an empty one if none is close enough to be a slip of it.
inline std::string_view nearest(std::string_view written, std::span<const std::string_view> words) {
  constexpr size_t longest = 64;
  std::string_view found;
  if (written.size() > longest) return found;
  size_t least = std::max<size_t>(2, written.size() / 3) + 1;
  for (const std::string_view word : words) {
    const size_t distance = edit_distance(written, word);
    if (distance < std::min(least, word.size())) {
      least = distance;
      found = word;
    }
  }
  return found;
}

}  // namespace ostiary
