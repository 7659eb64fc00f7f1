// The sockets of an upstream, watched as the gate does.
#pragma once

#include <memory>

#include "ostiary/event/epoll.h"
#include "ostiary/upstream/sockets.h"

namespace ostiary::upstream::testing {

struct Watched {
  std::unique_ptr<event::Epoll> epoll = std::make_unique<event::Epoll>(event::Epoll::create().value());

  Watcher watcher() const { return {.epoll = *epoll}; }
  int fd() const { return epoll->fd(); }

  void process(auto& upstream) const {
    const auto ready = epoll->wait(std::chrono::steady_clock::now());
    for (const epoll_event& event : ready.value())
      upstream.process(static_cast<int>(event.data.u64), event.events);
    upstream.process_due();
  }
};

}  // namespace ostiary::upstream::testing
