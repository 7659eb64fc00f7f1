#include "relay/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "relay/request_limits.h"

namespace ostiary::relay {
namespace {

using Ready = ServerStream::Awaits;
using Flush = ServerStream::Flush;

}  // namespace

Exchange::Exchange(event::Loop& loop, ServerConnections& connections, Request request, Owner owner)
    : loop_(loop),
      connections_(connections),
      head_(std::move(request.head)),
      method_(request.method),
      after_body_(request.after_body),
      owner_(std::move(owner)),
      response_(request.method == Method::head ? http::ResponseTo::head : http::ResponseTo::other,
                UINT64_MAX),
      silence_(loop, [this] { on_silence(); }),
      request_deadline_(loop.now() + request_limits::request_time) {}

void Exchange::add(std::string_view octets) {
  has_body_ = true;
  if (!cannot_send_) body_ += octets;
}

void Exchange::advance() {
  const auto self = shared_from_this();
  if (!std::exchange(has_begun_, true)) {
    silence_.set(loop_.now() + request_limits::connect_time);
    return connect();
  }
  if (is_over_ || !stream_) return;
  await_octets();
  // Otherwise the socket is known to be full.
  if (!to_write_) send();
  watch();
}

void Exchange::pause() {
  is_paused_ = true;
  watch();
}

void Exchange::go_on() {
  if (!std::exchange(is_paused_, false) || is_over_) return;
  await_octets();
  watch();
}

void Exchange::cut() {
  is_over_ = true;
  silence_.set({});
  connections_.forget(opening_);
  drop_connection();
}

// ---- the connection

void Exchange::connect() {
  auto idle = connections_.take_idle();
  if (!idle) return open();
  is_reused_ = true;
  on_stream(*std::move(idle));
}

void Exchange::open() {
  opening_ = connections_.open([weak = weak_from_this()](Result<ServerStream> stream) {
    const auto self = weak.lock();
    if (!self || self->is_over_) return;
    if (!stream) return self->give_up({503, stream.error().message});
    self->on_stream(*std::move(stream));
  });
}

void Exchange::on_stream(ServerStream stream) {
  stream_ = std::move(stream);
  send();
  watch();
  tell_if_sent();
}

void Exchange::tell_if_sent() {
  if (!is_over_ && body_.empty()) owner_.sent();
}

void Exchange::watch() {
  if (is_over_ || !stream_) return;
  uint32_t events = is_paused_ ? 0U : epoll_events(to_read_);
  if (to_write_) events |= epoll_events(*to_write_);
  // Without a watch: epoll reports a broken connection in any case, again and again.
  if (events == 0) return watch_.reset();
  if (watch_) {
    if (!watch_->change(events)) give_up({503, "epoll"});
    return;
  }
  auto made = event::Watch::create(loop_, stream_->fd(), events, [this](uint32_t) {
    on_event();
    return Result<>{};
  });
  if (!made) return give_up({503, made.error().message});
  watch_ = *std::move(made);
}

void Exchange::drop_connection() {
  watch_.reset();
  stream_.reset();
}

void Exchange::on_event() {
  const auto self = shared_from_this();
  if (to_write_) send();
  if (stream_ && !is_paused_) receive();
  // The read may have taken the octets of TLS that the write waited for.
  if (stream_ && to_write_ == Ready::input) send();
  watch();
  tell_if_sent();
}

// ---- time

// Begins anew with each octet of the request, with the head of the answer, and with each octet of its
// body.
void Exchange::await_octets() {
  const bool is_sent = is_whole_ && body_.empty();
  const event::Time limit =
      loop_.now() + (is_sent ? request_limits::response_silence : request_limits::request_silence);
  silence_.set(is_whole_ ? limit : std::min(limit, request_deadline_));
}

void Exchange::on_silence() {
  const auto self = shared_from_this();
  if (head_sent_ == 0) return give_up({503, "the server cannot be reached in time"});
  if (!is_whole_ && body_.empty()) return give_up({408, "the rest of the request did not arrive in time"});
  give_up({504, "the server did not answer in time"});
}

// ---- failures

bool Exchange::may_repeat() const {
  if (!is_reused_ || has_answered_) return false;
  const bool has_no_body = is_whole_ && !has_body_;
  return has_no_body ? method_ != Method::other : !has_sent_body_;
}

void Exchange::on_failure(const ApiError& error) {
  if (!may_repeat()) return give_up(error);
  drop_connection();
  is_reused_ = false;
  head_sent_ = 0;
  to_write_.reset();
  to_read_ = Ready::input;
  open();
}

void Exchange::give_up(const ApiError& error) {
  cut();
  owner_.failed(error);
}

// ---- the request

void Exchange::send() {
  const auto awaited = write();
  if (awaited) {
    to_write_ = *awaited;
    return;
  }
  if (may_repeat()) return on_failure({503, awaited.error().message});
  // A server that refuses a request may close before it has read all of it.
  cannot_send_ = awaited.error().message;
  body_.clear();
  to_write_.reset();
  receive();
}

// Returns what the rest waits for.
Result<std::optional<Ready>> Exchange::write() {
  const std::string_view head = head_.reveal();
  while (!cannot_send_ && (head_sent_ < head.size() || !body_.empty())) {
    const bool is_head = head_sent_ < head.size();
    has_sent_body_ |= !is_head;
    const auto moved = TRY(stream_->write(is_head ? head.substr(head_sent_) : body_,
                                          is_head && !body_.empty() ? Flush::later : Flush::now));
    if (moved.awaits) return moved.awaits;
    if (moved.octets == 0) return fail(Exit::unavailable, "the server closed the connection");
    if (is_head)
      head_sent_ += moved.octets;
    else
      body_.erase(0, moved.octets);
    await_octets();
  }
  return std::nullopt;
}

// ---- the response

void Exchange::receive() {
  std::array<char, request_limits::read_octets> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (int turn = 0; turn < request_limits::reads_in_turn && stream_ && !is_paused_; ++turn) {
    const auto moved = stream_->read(room);
    if (!moved) return on_failure({503, cannot_send_.value_or(moved.error().message)});
    if (moved->awaits && cannot_send_) return give_up({503, *cannot_send_});
    to_read_ = moved->awaits.value_or(Ready::input);
    if (moved->awaits) return;
    if (moved->octets == 0) return end_of_stream();
    take(std::string_view(room.data(), moved->octets));
  }
}

void Exchange::end_of_stream() {
  if (has_answered_ && std::holds_alternative<http::Complete>(response_.end()))
    return hand_on({.is_complete = true}, "");
  on_failure({502, "the server closed the connection before the end of its answer"});
}

void Exchange::take(std::string_view octets) {
  has_answered_ = true;
  arrived_body_.clear();
  Arrived arrived;
  std::optional<http::Fault> fault;
  while (!arrived.is_complete && !fault) {
    const http::ResponseEvent event = response_.next(octets);
    if (std::holds_alternative<http::NeedMore>(event)) break;
    if (const auto* const head = std::get_if<const http::ResponseHead*>(&event)) {
      arrived.head = *head;
      persistence_ = (*head)->persistence;
      has_succeeded_ = (*head)->status / 100 == 2;
    }
    if (const auto* const body = std::get_if<http::Body>(&event)) arrived_body_ += body->octets;
    if (const auto* const found = std::get_if<http::Fault>(&event)) fault = *found;
    arrived.is_complete = std::holds_alternative<http::Complete>(event);
  }
  arrived.body = arrived_body_;
  hand_on(arrived, octets);
  if (fault && !is_over_) give_up({502, "the server's answer: " + std::string(http::text(*fault))});
}

// Whether the server has nothing to read that another request could follow.
bool Exchange::can_be_kept() const {
  const bool is_sent = is_whole_ && body_.empty() && head_sent_ == head_.reveal().size() && !cannot_send_;
  const bool is_read = !has_body_ || (after_body_ == AfterBody::kept_on_success && has_succeeded_);
  return is_sent && is_read && persistence_ == http::Persistence::keep;
}

void Exchange::hand_on(const Arrived& arrived, std::string_view rest) {
  const bool has_news = arrived.head != nullptr || !arrived.body.empty();
  if (has_news) await_octets();
  if (arrived.is_complete) {
    // Nothing was asked that further octets could answer.
    const bool is_kept = can_be_kept() && rest.empty();
    watch_.reset();
    if (is_kept) connections_.keep(*std::exchange(stream_, std::nullopt));
    cut();
  }
  if (has_news || arrived.is_complete) owner_.arrived(arrived);
}

}  // namespace ostiary::relay
