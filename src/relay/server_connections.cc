#include "relay/server_connections.h"

#include <algorithm>
#include <utility>

#include "relay/request_limits.h"

namespace ostiary::relay {
namespace {

// The server may send messages of TLS itself, such as a ticket.
bool is_quiet(ServerStream& stream) {
  char octet = 0;
  const auto moved = stream.read({&octet, 1});
  return moved && moved->awaits == ServerStream::Awaits::input;
}

}  // namespace

ServerConnections::ServerConnections(Parts parts, inet::Destination server)
    : parts_(std::move(parts)),
      server_(std::move(server)),
      idle_timer_(parts_.loop, [this] { close_overdue(); }) {}

std::optional<ServerStream> ServerConnections::take_idle() {
  while (!idle_.empty()) {
    idle_.back().watch = {};
    ServerStream stream = std::move(idle_.back().stream);
    idle_.pop_back();
    if (is_quiet(stream)) return stream;
  }
  return std::nullopt;
}

// An opening that no request waits for. Those whose time is over are not counted any more.
std::optional<uint64_t> ServerConnections::unwanted() {
  std::erase_if(openings_, [this](const auto& each) {
    return !each.second.opened && each.second.deadline <= parts_.loop.now();
  });
  const auto found = std::ranges::find_if(openings_, [](const auto& each) { return !each.second.opened; });
  return found == openings_.end() ? std::nullopt : std::optional(found->first);
}

uint64_t ServerConnections::open(Opened opened) {
  if (const auto number = unwanted()) {
    openings_.at(*number).opened = std::move(opened);
    return *number;
  }
  const uint64_t number = ++last_number_;
  openings_.emplace(number, Opening{std::move(opened), parts_.loop.now() + request_limits::connect_time});
  parts_.connect([this, number](Result<UniqueFd> socket) { on_connected(number, std::move(socket)); });
  return number;
}

void ServerConnections::forget(uint64_t number) {
  if (const auto found = openings_.find(number); found != openings_.end()) found->second.opened = {};
}

// A socket that no request waits for is closed.
void ServerConnections::on_connected(uint64_t number, Result<UniqueFd> socket) {
  const auto found = openings_.find(number);
  if (found == openings_.end()) return;
  const Opened opened = std::move(found->second.opened);
  openings_.erase(found);
  if (!opened) return;
  if (!socket) return opened(std::unexpected(std::move(socket).error()));
  opened(ServerStream::open(parts_.trust, *std::move(socket), server_.host));
}

void ServerConnections::keep(ServerStream stream) {
  if (idle_.size() == request_limits::idle_connections) idle_.pop_front();
  const int fd = stream.fd();
  idle_.push_back({.stream = std::move(stream), .deadline = parts_.loop.now() + request_limits::server_idle});
  const auto idle = std::prev(idle_.end());
  auto watch = event::Watch::create(parts_.loop, fd, EPOLLIN, [this, idle](uint32_t) {
    look_at(idle);
    return Result<>{};
  });
  if (!watch) return idle_.pop_back();
  idle->watch = *std::move(watch);
  idle_timer_.set(idle_.front().deadline);
}

void ServerConnections::look_at(std::list<Idle>::iterator idle) {
  if (!is_quiet(idle->stream)) idle_.erase(idle);
}

void ServerConnections::close_overdue() {
  while (!idle_.empty() && idle_.front().deadline <= parts_.loop.now()) idle_.pop_front();
  idle_timer_.set(idle_.empty() ? event::Deadline{} : idle_.front().deadline);
}

}  // namespace ostiary::relay
