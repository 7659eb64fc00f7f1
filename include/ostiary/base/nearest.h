// base/nearest.h: finds the known word that a misspelled word probably stands for.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ostiary {

// The number of letters to insert, delete, replace or swap with a neighbour to turn `from` into
// `to`.
size_t edit_distance(std::string_view from, std::string_view to);

// The word closest to `written`. Empty if no word is close enough to be a likely misspelling.
std::string_view nearest(std::string_view written, std::span<const std::string_view> words);

}  // namespace ostiary
