#include "ostiary/event/epoll.h"

namespace ostiary::event {
namespace {

Result<> control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  epoll_event event{.events = events, .data = {.u64 = token}};
  if (::epoll_ctl(epoll, operation, fd, &event) != 0)
    return std::unexpected(Error::system("epoll_ctl", Exit::unavailable));
  return {};
}

}  // namespace

Result<Epoll> Epoll::create() {
  UniqueFd fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("epoll_create1", Exit::unavailable));
  return Epoll(std::move(fd));
}

Result<> Epoll::add(int fd, uint32_t events, uint64_t token) {
  return control(fd_.get(), EPOLL_CTL_ADD, fd, events, token);
}

Result<> Epoll::change(int fd, uint32_t events, uint64_t token) {
  return control(fd_.get(), EPOLL_CTL_MOD, fd, events, token);
}

void Epoll::remove(int fd) {
  ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Result<std::span<const epoll_event>> Epoll::wait(Deadline deadline) {
  while (true) {
    const int ready = ::epoll_wait(fd_.get(), events_.data(), static_cast<int>(events_.size()),
                                   milliseconds_until(deadline));
    if (ready >= 0) return std::span<const epoll_event>(events_).first(static_cast<size_t>(ready));
    if (errno != EINTR) return std::unexpected(Error::system("epoll_wait", Exit::unavailable));
  }
}

}  // namespace ostiary::event
