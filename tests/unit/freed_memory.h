// freed_memory.h: whether memory that this thread gives back to the heap still holds a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace ostiary::testing {

// While it lasts. One at a time.
class FreedMemory {
 public:
  explicit FreedMemory(std::string_view text);
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;
  ~FreedMemory();

  // Pieces of memory that were given back with the text in them.
  size_t count() const;
};

}  // namespace ostiary::testing
