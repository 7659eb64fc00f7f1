// event/epoll.h: waits for descriptors, each with a token of its own.
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

  // Readable while something is ready.
  int fd() const { return fd_.get(); }

  Result<> add(int fd, uint32_t events, uint64_t token);
  Result<> change(int fd, uint32_t events, uint64_t token);
  // A descriptor that is closed everywhere needs no removal.
  void remove(int fd);

  // What is ready, or nothing once the deadline has passed. Valid until the next call.
  Result<std::span<const epoll_event>> wait(Deadline deadline);

 private:
  explicit Epoll(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::array<epoll_event, 64> events_{};
};

}  // namespace ostiary::event
