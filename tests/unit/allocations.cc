#include "allocations.h"

#include <cstdlib>
#include <new>
#include <string_view>

#include <malloc.h>

#include "freed_memory.h"

namespace {

thread_local size_t counted = 0;
thread_local std::string_view watched;
thread_local size_t freed_with_it = 0;

void look_at(void* memory) {
  if (memory == nullptr || watched.empty()) return;
  const std::string_view content(static_cast<const char*>(memory), ::malloc_usable_size(memory));
  if (content.contains(watched)) ++freed_with_it;
}

}  // namespace

namespace ostiary::testing {
size_t allocations() {
  return counted;
}
FreedMemory::FreedMemory(std::string_view text) {
  freed_with_it = 0;
  watched = text;
}
FreedMemory::~FreedMemory() {
  watched = {};
}
size_t FreedMemory::count() const {
  return freed_with_it;
}

}  // namespace ostiary::testing

// NOLINTBEGIN(cppcoreguidelines-no-malloc): the allocator itself.
void* operator new(size_t size) {
  ++counted;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  look_at(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  look_at(memory);
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)
