#include "ostiary/base/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace ostiary {

size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> before_last(to.size() + 1);
  std::vector<size_t> last(to.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    std::vector<size_t> row{i + 1};
    for (size_t j = 0; j < to.size(); ++j) {
      const bool swapped = i > 0 && j > 0 && from[i] == to[j - 1] && from[i - 1] == to[j];
      const size_t replaced = last[j] + (from[i] == to[j] ? 0U : 1U);
      row.push_back(std::min({row[j] + 1, last[j + 1] + 1, replaced}));
      if (swapped) row.back() = std::min(row.back(), before_last[j - 1] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string_view nearest(std::string_view written, std::span<const std::string_view> words) {
  constexpr size_t longest = 64;
  std::string_view found;
  if (written.size() > longest) return found;
  size_t least = std::max<size_t>(1, written.size() / 3) + 1;
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
