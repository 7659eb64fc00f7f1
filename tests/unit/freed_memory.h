// freed_memory.h: detects whether memory that this thread frees still contains a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace ostiary::testing {

// Active while it exists. Only one at a time.
class FreedMemory {
 public:
  explicit FreedMemory(std::string_view text);
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;
  ~FreedMemory();

  // The number of freed blocks that contained the text.
  size_t count() const;
};

}  // namespace ostiary::testing
