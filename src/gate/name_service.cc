#include "name_service.h"

#include "limits.h"

namespace ostiary::gate {

Result<> NameService::start() {
  watch_ =
      TRY(event::Watch::create(loop_, queue_.fd(), EPOLLIN, [this](uint32_t) { return take_packets(); }));
  return {};
}

// A bounded number, so that questions are answered meanwhile.
Result<> NameService::take_packets() {
  for (size_t taken = 0; taken < limits::packets_at_once; ++taken) {
    const auto packet = TRY(queue_.next());
    if (!packet) break;
    check_.take(*packet, loop_.now());
  }
  queue_.flush();
  expiry_.set(check_.due());
  return {};
}

void NameService::expire() {
  check_.expire(loop_.now());
  queue_.flush();
  expiry_.set(check_.due());
}

}  // namespace ostiary::gate
