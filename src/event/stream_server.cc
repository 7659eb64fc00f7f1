#include "ostiary/event/stream_server.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

namespace ostiary::event {

StreamServer::StreamServer(Loop& loop, std::vector<UniqueFd> listeners, StreamLimits limits,
                           MakeStream make_stream)
    : loop_(loop),
      listeners_(std::move(listeners)),
      limits_(limits),
      make_stream_(std::move(make_stream)),
      connections_(limits.connections),
      read_(limits.read_octets),
      idle_timer_(loop, [this] { close_overdue(); }) {}

Result<> StreamServer::start() {
  for (const UniqueFd& listener : listeners_)
    watches_.push_back(TRY(Watch::create(loop_, listener.get(), EPOLLIN, [this, &listener](uint32_t) {
      accept(listener);
      return Result<>{};
    })));
  return {};
}

bool StreamServer::is_open(StreamId id) const {
  const Connection& connection = connections_[id.number];
  return connection.generation == id.generation && connection.fd.valid() && connection.then == Then::keep;
}

// Returns a free connection. Closes the one that is idle longest if none is free. Nothing if all are busy.
std::optional<uint32_t> StreamServer::free_connection() {
  const auto is_free = [](const Connection& c) { return !c.fd.valid(); };
  if (std::ranges::none_of(connections_, is_free)) close_longest_idle();
  const auto found = std::ranges::find_if(connections_, is_free);
  if (found == connections_.end()) return std::nullopt;
  return static_cast<uint32_t>(found - connections_.begin());
}

void StreamServer::close_longest_idle() {
  const auto until = [](const Connection& c) { return c.fd.valid() ? c.idle_deadline : Time::max(); };
  Connection& longest = *std::ranges::min_element(connections_, {}, until);
  if (until(longest) != Time::max()) close(longest);
}

void StreamServer::close(Connection& connection) {
  connection.watch = {};
  connection.fd.reset();
  ++connection.generation;
  connection.stream.reset();
  connection.then = Then::keep;
  connection.is_paused = false;
  connection.unsent = {};
  set_idle_timer();
}

void StreamServer::accept(const UniqueFd& listener) {
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
  const auto free = free_connection();
  if (!free) return;
  const uint32_t number = *free;
  auto watch = Watch::create(loop_, fd.get(), EPOLLIN, [this, number](uint32_t events) {
    serve(number, events);
    return Result<>{};
  });
  if (!watch) return;
  Connection& connection = connections_[number];
  connection.fd = std::move(fd);
  connection.watch = *std::move(watch);
  connection.stream = make_stream_({.number = number, .generation = connection.generation});
  connection.idle_deadline = loop_.now() + limits_.idle;
  set_idle_timer();
}

void StreamServer::serve(uint32_t number, uint32_t events) {
  Connection& connection = connections_[number];
  const uint32_t generation = connection.generation;
  if ((events & EPOLLOUT) != 0) {
    write(connection);
    tell_if_drained(connection);
  }
  if (connection.generation != generation) return;
  if (!connection.is_paused && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return read(connection);
  if (connection.is_paused && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) close(connection);
}

void StreamServer::read(Connection& connection) {
  const ssize_t got = ::recv(connection.fd.get(), read_.data(), read_.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close(connection);
  if (connection.then == Then::keep) take(connection, std::span(read_).first(static_cast<size_t>(got)));
}

// The stream outlives its call, in which the connection may be closed.
void StreamServer::take(Connection& connection, std::span<const uint8_t> octets) {
  const uint32_t generation = connection.generation;
  const std::shared_ptr<Stream> stream = connection.stream;
  const Stream::Taken taken = stream->take(octets);
  if (connection.generation != generation) return;
  if (taken == Stream::Taken::malformed) return close(connection);
  if (taken == Stream::Taken::part_of_message) return;  // it does not extend the deadline
  connection.idle_deadline = loop_.now() + limits_.idle;
  set_idle_timer();
}

void StreamServer::tell_if_drained(Connection& connection) {
  if (!connection.fd.valid() || !connection.unsent.empty()) return;
  if (const std::shared_ptr<Stream> stream = connection.stream) stream->drained();
}

void StreamServer::send(StreamId id, std::span<const uint8_t> octets, Then then) {
  if (!is_open(id)) return;
  Connection& connection = connections_[id.number];
  if (connection.unsent.size() + octets.size() > limits_.unsent_octets) return close(connection);
  connection.unsent.insert(connection.unsent.end(), octets.begin(), octets.end());
  connection.then = then;
  if (then == Then::close) {
    connection.is_paused = false;
    connection.stream.reset();
  }
  write(connection);
}

void StreamServer::write(Connection& connection) {
  const ssize_t sent = ::send(connection.fd.get(), connection.unsent.data(), connection.unsent.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return close(connection);
  if (sent > 0) connection.unsent.erase(connection.unsent.begin(), connection.unsent.begin() + sent);
  // The client closes its end when it has read the last octet. A close() of ours could discard it.
  if (connection.unsent.empty() && connection.then == Then::close) ::shutdown(connection.fd.get(), SHUT_WR);
  watch(connection);
}

// epoll reports a client that has gone in either case.
void StreamServer::watch(Connection& connection) {
  uint32_t events = connection.is_paused ? EPOLLRDHUP : EPOLLIN;
  if (!connection.unsent.empty()) events |= EPOLLOUT;
  if (!connection.watch.change(events)) close(connection);
}

size_t StreamServer::unsent_octets(StreamId id) const {
  return is_open(id) ? connections_[id.number].unsent.size() : 0;
}

void StreamServer::pause(StreamId id) {
  if (!is_open(id)) return;
  connections_[id.number].is_paused = true;
  watch(connections_[id.number]);
}

void StreamServer::go_on(StreamId id) {
  if (!is_open(id)) return;
  connections_[id.number].is_paused = false;
  watch(connections_[id.number]);
}

void StreamServer::set_deadline(StreamId id, Time deadline) {
  if (!is_open(id)) return;
  connections_[id.number].idle_deadline = deadline;
  set_idle_timer();
}

void StreamServer::cut(StreamId id) {
  if (is_open(id)) close(connections_[id.number]);
}

void StreamServer::close_overdue() {
  for (Connection& connection : connections_)
    if (connection.fd.valid() && connection.idle_deadline <= loop_.now()) close(connection);
}

void StreamServer::set_idle_timer() {
  Deadline first;
  for (const Connection& connection : connections_)
    if (connection.fd.valid()) first = earlier(first, connection.idle_deadline);
  idle_timer_.set(first);
}

}  // namespace ostiary::event
