// boot/readable.h: waits for one of two descriptors.
#pragma once

#include <chrono>
#include <cstdint>

namespace ostiary::boot {

enum class Readable : uint8_t { neither, first, second };

// Which of them becomes readable within the time; the second where both do.
Readable wait_for(int first, int second, std::chrono::milliseconds limit);

}  // namespace ostiary::boot
