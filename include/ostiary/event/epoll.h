// event/epoll.h: waits for events on descriptors. Each descriptor has its own token.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/deadline.h"

namespace ostiary::event {

class Epoll {
 public:
  static Result<Epoll> create();

  // Readable while a descriptor is ready.
  int fd() const { return fd_.get(); }

  Result<> add(int fd, uint32_t events, uint64_t token);
  Result<> change(int fd, uint32_t events, uint64_t token);
  // Not needed if the last copy of the descriptor is closed: the kernel then removes it.
  void remove(int fd);

  // Returns the events that are ready, or none if the deadline passes. They are valid until the
  // next call.
  Result<std::span<const epoll_event>> wait(Deadline deadline);

 private:
  explicit Epoll(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::array<epoll_event, 64> events_{};
};

}  // namespace ostiary::event
