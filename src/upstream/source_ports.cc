#include "ostiary/upstream/source_ports.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <netinet/in.h>

namespace ostiary::upstream {
namespace {

using Port = std::shared_ptr<SourcePort>;

template <typename Name>
Name copy_of(const sockaddr& address) {
  Name name;
  std::memcpy(&name, &address, sizeof name);
  return name;
}

bool are_equal(const sockaddr& one, const sockaddr& other) {
  if (one.sa_family != other.sa_family) return false;
  if (one.sa_family == AF_INET) {
    const auto a = copy_of<sockaddr_in>(one);
    const auto b = copy_of<sockaddr_in>(other);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  const auto a = copy_of<sockaddr_in6>(one);
  const auto b = copy_of<sockaddr_in6>(other);
  return a.sin6_port == b.sin6_port && std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

bool may_send_more(const SourcePort& port) {
  return port.fitness == SourcePort::Fitness::fit && port.questions < limits::questions_per_port;
}

}  // namespace

bool SourcePort::is_bound_to(const sockaddr& address) const {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  return socket.fd.valid() && ::getsockname(socket.fd.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
         are_equal(reinterpret_cast<const sockaddr&>(own), address);
}

SourcePorts::Route* SourcePorts::route(int number) {
  const auto found = std::ranges::find(routes_, number, &Route::number);
  return found == routes_.end() ? nullptr : &*found;
}

int SourcePorts::open(int family) noexcept {
  const int number = next_number_;
  next_number_ = number == INT_MAX ? first_number : number + 1;
  routes_.push_back({.number = number, .family = family, .server = {}, .size = 0, .port = nullptr});
  return number;
}

int SourcePorts::connect(int number, const sockaddr* server, socklen_t size) noexcept {
  Route* const of = route(number);
  if (of == nullptr || size > sizeof of->server) return errno = EBADF, -1;
  std::memcpy(&of->server, server, size);
  of->size = size;
  of->port = make(*of);
  return of->port ? 0 : -1;
}

Port SourcePorts::make(const Route& route) {
  WatchedSocket socket = sockets_.open_datagram(route.family);
  if (!socket.fd.valid()) return nullptr;
  if (::connect(socket.fd.get(), reinterpret_cast<const sockaddr*>(&route.server), route.size) != 0) {
    const int why = errno;
    sockets_.close(std::move(socket));
    return errno = why, nullptr;
  }
  if (ports_.size() >= limits::open_ports) make_room();
  return ports_.emplace_back(
      std::make_shared<SourcePort>(route.number, std::move(socket), 0, SourcePort::Fitness::fit));
}

// Closes the oldest port that no route uses. Its outstanding questions time out, and c-ares retries
// them through another port.
void SourcePorts::make_room() {
  const auto oldest = std::ranges::find_if(ports_, [this](const Port& port) {
    return std::ranges::find(routes_, port, &Route::port) == routes_.end();
  });
  if (oldest == ports_.end()) return;
  sockets_.close(std::exchange((*oldest)->socket, {}));
  ports_.erase(oldest);
}

// If no new socket can be opened, the current port continues.
Port SourcePorts::next(int number) noexcept {
  Route* const of = route(number);
  if (of == nullptr) return errno = EBADF, nullptr;
  if (!of->port || !may_send_more(*of->port))
    if (Port fresh = make(*of)) of->port = std::move(fresh);
  if (of->port) ++of->port->questions;
  return of->port;
}

ssize_t SourcePorts::receive(int number, std::span<uint8_t> room, sockaddr* from,
                             socklen_t* from_size) noexcept {
  if (!reading_ || reading_->number != number) return errno = EAGAIN, -1;
  return ::recvfrom(reading_->socket.fd.get(), room.data(), room.size(), MSG_DONTWAIT, from, from_size);
}

void SourcePorts::close(int number) noexcept {
  std::erase_if(routes_, [number](const Route& each) { return each.number == number; });
  for (const Port& port : ports_)
    if (port->number == number) sockets_.close(std::exchange(port->socket, {}));
  std::erase_if(ports_, [number](const Port& port) { return port->number == number; });
}

Port SourcePorts::find(int descriptor) const {
  const auto found = std::ranges::find_if(
      ports_, [descriptor](const Port& port) { return port->socket.fd.get() == descriptor; });
  return found == ports_.end() ? nullptr : *found;
}

void SourcePorts::close_idle() noexcept {
  const auto has_no_question = [](const Port& port) { return port.use_count() == 1; };
  for (const Port& port : ports_)
    if (has_no_question(port)) sockets_.close(std::exchange(port->socket, {}));
  std::erase_if(ports_, has_no_question);
}

}  // namespace ostiary::upstream
