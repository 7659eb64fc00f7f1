#include "tcp_server.h"

#include <algorithm>
#include <array>

#include <sys/socket.h>

namespace ostiary::gate {

TcpServer::TcpServer(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler)
    : loop_(loop),
      listeners_(std::move(listeners)),
      handler_(std::move(handler)),
      connections_(limits::tcp_clients),
      idle_timer_(loop, [this] { close_overdue(); }) {}

Result<> TcpServer::start() {
  for (const UniqueFd& listener : listeners_)
    watches_.push_back(TRY(event::Watch::create(loop_, listener.get(), EPOLLIN, [this, &listener](uint32_t) {
      accept(listener);
      return Result<>{};
    })));
  return {};
}

// Returns a free connection. Closes the one that is idle longest if none is free.
uint32_t TcpServer::free_connection() {
  const auto is_free = [](const Connection& c) { return !c.fd.valid(); };
  if (std::ranges::none_of(connections_, is_free)) close_longest_idle();
  return static_cast<uint32_t>(std::ranges::find_if(connections_, is_free) - connections_.begin());
}

void TcpServer::close_longest_idle() {
  const auto until = [](const Connection& c) { return c.fd.valid() ? c.idle_deadline : event::Time::max(); };
  close(*std::ranges::min_element(connections_, {}, until));
}

void TcpServer::close(Connection& connection) {
  connection.watch = {};
  connection.fd.reset();
  ++connection.generation;
  connection.frames = {};
  connection.unsent = {};
  set_idle_timer();
}

void TcpServer::accept(const UniqueFd& listener) {
  const auto next = [&] {
    return UniqueFd{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  };
  UniqueFd fd = next();
  // Without a free descriptor the connection stays in the backlog, and epoll reports it again and
  // again.
  if (!fd.valid() && (errno == EMFILE || errno == ENFILE)) {
    close_longest_idle();
    fd = next();
  }
  if (!fd.valid()) return;
  const uint32_t number = free_connection();
  auto watch = event::Watch::create(loop_, fd.get(), EPOLLIN, [this, number](uint32_t events) {
    serve(number, events);
    return Result<>{};
  });
  if (!watch) return;
  Connection& connection = connections_[number];
  connection.fd = std::move(fd);
  connection.watch = *std::move(watch);
  connection.idle_deadline = loop_.now() + limits::tcp_idle;
  set_idle_timer();
}

void TcpServer::serve(uint32_t number, uint32_t events) {
  Connection& connection = connections_[number];
  if ((events & EPOLLOUT) != 0) write(connection);
  if (connection.fd.valid() && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(connection, number);
}

void TcpServer::read(Connection& connection, uint32_t number) {
  std::array<uint8_t, dns::limits::tcp_query_octets>
      octets;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t got = ::recv(connection.fd.get(), octets.data(), octets.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || !take(connection, number, std::span(octets).first(static_cast<size_t>(got))))
    return close(connection);
  if (connection.frames.within_message()) return;  // it does not extend the deadline
  connection.idle_deadline = loop_.now() + limits::tcp_idle;
  set_idle_timer();
}

bool TcpServer::take(Connection& connection, uint32_t number, std::span<const uint8_t> octets) {
  const uint32_t generation = connection.generation;
  while (true) {
    const dns::Frame frame = connection.frames.next(octets);
    if (std::holds_alternative<dns::NeedMore>(frame)) return true;
    const auto* message = std::get_if<std::span<const uint8_t>>(&frame);
    if (message == nullptr) return false;
    handler_(*message, {.transport = dns::Transport::tcp,
                        .socket = number,
                        .generation = generation,
                        .address = {},
                        .address_size = 0});
    if (connection.generation != generation) return true;  // send() closed it
  }
}

void TcpServer::send(const Client& client, std::span<const uint8_t> answer) {
  Connection& connection = connections_[client.socket];
  if (!connection.fd.valid() || connection.generation != client.generation) return;
  if (connection.unsent.size() + answer.size() + 2 > limits::tcp_unsent_octets) return close(connection);
  const size_t start = connection.unsent.size();
  connection.unsent.resize(start + 2 + answer.size());
  connection.unsent[start] = static_cast<uint8_t>(answer.size() >> 8U);
  connection.unsent[start + 1] = static_cast<uint8_t>(answer.size() & 0xffU);
  std::ranges::copy(answer, connection.unsent.begin() + static_cast<ptrdiff_t>(start) + 2);
  write(connection);
}

void TcpServer::write(Connection& connection) {
  const ssize_t sent = ::send(connection.fd.get(), connection.unsent.data(), connection.unsent.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close(connection);
  if (sent > 0) connection.unsent.erase(connection.unsent.begin(), connection.unsent.begin() + sent);
  const uint32_t events = connection.unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (!connection.watch.change(events)) close(connection);
}

void TcpServer::close_overdue() {
  for (Connection& connection : connections_)
    if (connection.fd.valid() && connection.idle_deadline <= loop_.now()) close(connection);
}

void TcpServer::set_idle_timer() {
  event::Deadline first;
  for (const Connection& connection : connections_)
    if (connection.fd.valid()) first = event::earlier(first, connection.idle_deadline);
  idle_timer_.set(first);
}

}  // namespace ostiary::gate
