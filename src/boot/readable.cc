#include "readable.h"

#include <array>

#include <poll.h>

namespace ostiary::boot {

Readable wait_for(int first, int second, std::chrono::milliseconds limit) {
  std::array<pollfd, 2> both{
      {{.fd = first, .events = POLLIN, .revents = 0}, {.fd = second, .events = POLLIN, .revents = 0}}};
  if (::poll(both.data(), both.size(), static_cast<int>(limit.count())) <= 0) return Readable::neither;
  return both[1].revents != 0 ? Readable::second : Readable::first;
}

}  // namespace ostiary::boot
