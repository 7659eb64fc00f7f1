#include "allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local size_t counted = 0;
}  // namespace

namespace ostiary::testing {
size_t allocations() {
  return counted;
}
}  // namespace ostiary::testing

// NOLINTBEGIN(cppcoreguidelines-no-malloc): the allocator itself.
void* operator new(size_t size) {
  ++counted;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)
