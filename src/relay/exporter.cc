#include "relay/exporter.h"

#include <array>
#include <utility>

#include "ostiary/base/escape.h"
#include "ostiary/base/text.h"
#include "relay/limits.h"

namespace ostiary::relay {
namespace {

using Awaits = ServerStream::Awaits;

uint32_t epoll_events(Awaits awaits) {
  return awaits == Awaits::input ? EPOLLIN : EPOLLOUT;
}

}  // namespace

Exporter::Exporter(Parts parts, Collector collector, size_t max_spooled_octets)
    : parts_(std::move(parts)),
      collector_(std::move(collector)),
      spool_(max_spooled_octets),
      next_try_(parts_.loop, [this] { begin(); }),
      time_limit_(parts_.loop, [this] {
        drop_connection();
        try_later("the collector did not answer in time");
      }) {}

void Exporter::add(Post post) {
  spool_.add(std::move(post));
  report_displaced();
  if (!pauses_) begin();
}

// Begins with the oldest post, unless one is being sent.
void Exporter::begin() {
  pauses_ = false;
  if (post_) return;
  post_ = spool_.take();
  if (post_) connect_or_send();
}

void Exporter::connect_or_send() {
  time_limit_.set(parts_.loop.now() + limits::time_of_a_try);
  if (stream_) return send();
  // A connection that comes after the time limit is for no try, and is closed.
  parts_.connect([this, number = ++try_number_](Result<UniqueFd> socket) {
    if (number == try_number_) on_connected(std::move(socket));
  });
}

void Exporter::on_connected(Result<UniqueFd> socket) {
  if (!socket) return on_failure(socket.error().message);
  auto stream = ServerStream::open(collector_.is_tls ? &parts_.trust : nullptr, *std::move(socket),
                                   collector_.destination.host);
  if (!stream) return on_failure(stream.error().message);
  stream_ = *std::move(stream);
  has_served_ = false;
  auto watch = event::Watch::create(parts_.loop, stream_->fd(), 0, [this](uint32_t) {
    advance();
    return Result<>{};
  });
  if (!watch) return on_failure(watch.error().message);
  watch_ = *std::move(watch);
  send();
}

Secret Exporter::head_of(const Post& post) const {
  const std::string length = std::to_string(post.body.size());
  const std::string& path = collector_.paths.at(post.signal);
  constexpr size_t fixed_octets = 128;
  std::string head;
  // Without growth no part of the credentials stays in freed memory.
  head.reserve(fixed_octets + path.size() + collector_.authority.size() + length.size() +
               collector_.header_lines.reveal().size());
  append(head, {"POST ", path, " HTTP/1.1\r\nHost: ", collector_.authority,
                "\r\nContent-Type: application/x-protobuf\r\nContent-Length: ", length, "\r\n",
                collector_.header_lines.reveal(), "\r\n"});
  return Secret(std::move(head));
}

void Exporter::send() {
  exchange_ = std::make_unique<Exchange>();
  exchange_->head = head_of(*post_);
  advance();
}

// Goes on with the exchange, as far as the socket allows.
void Exporter::advance() {
  if (!exchange_) return look_at_idle_connection();
  const auto awaits = exchange_->is_sent ? receive() : write();
  if (!awaits) return on_failure(awaits.error().message);
  if (!*awaits) return on_reply();
  if (const Result<> changed = watch_.change(epoll_events(**awaits)); !changed)
    on_failure(changed.error().message);
}

// The server may send messages of TLS itself, such as a ticket. Anything else ends the connection.
void Exporter::look_at_idle_connection() {
  char octet = 0;
  const auto moved = stream_->read({&octet, 1});
  if (!moved || moved->awaits != Awaits::input) drop_connection();
}

// Empty when the reply is complete.
Result<std::optional<Awaits>> Exporter::write() {
  const std::string_view head = exchange_->head.reveal();
  while (exchange_->sent < head.size() + post_->body.size()) {
    const size_t sent = exchange_->sent;
    const std::string_view rest =
        sent < head.size() ? head.substr(sent) : std::string_view(post_->body).substr(sent - head.size());
    const auto moved = stream_->write(rest);
    // A server that refuses a request may close before it has read all of it.
    if (!moved) (void)receive();
    if (!moved) return std::unexpected(moved.error());
    if (moved->awaits) return moved->awaits;
    if (moved->octets == 0) return fail(Exit::unavailable, "the collector closed the connection");
    exchange_->sent += moved->octets;
  }
  exchange_->is_sent = true;
  return receive();
}

Result<std::optional<Awaits>> Exporter::receive() {
  std::array<char, 16384> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (true) {
    const auto moved = TRY(stream_->read(room));
    if (moved.awaits) return moved.awaits;
    const bool has_ended = moved.octets == 0;
    const bool is_complete = has_ended ? TRY(take(exchange_->response.end()))
                                       : TRY(take_all(std::string_view(room.data(), moved.octets)));
    if (is_complete) return std::nullopt;
    if (has_ended) return fail(Exit::unavailable, "the collector closed the connection");
  }
}

// Whether the reply is complete.
Result<bool> Exporter::take_all(std::string_view octets) {
  while (true) {
    const http::ResponseEvent event = exchange_->response.next(octets);
    if (std::holds_alternative<http::NeedMore>(event)) return false;
    if (TRY(take(event))) {
      // Nothing was asked that these could answer.
      if (!octets.empty()) exchange_->persistence = http::Persistence::close;
      return true;
    }
  }
}

Result<bool> Exporter::take(const http::ResponseEvent& event) {
  if (const auto* const fault = std::get_if<http::Fault>(&event))
    return fail(Exit::unavailable, "the collector's answer: " + std::string(http::text(*fault)));
  if (const auto* const head = std::get_if<const http::ResponseHead*>(&event)) {
    exchange_->status = (*head)->status;
    exchange_->retry_after = retry_after((*head)->fields);
    exchange_->persistence = (*head)->persistence;
  }
  if (const auto* const body = std::get_if<http::Body>(&event))
    exchange_->body += body->octets.substr(0, kept_octets - exchange_->body.size());
  return std::holds_alternative<http::Complete>(event);
}

void Exporter::on_reply() {
  const std::unique_ptr<Exchange> done = std::move(exchange_);
  has_served_ = true;
  if (done->persistence == http::Persistence::close || !watch_.change(EPOLLIN)) drop_connection();
  const otlp::Outcome outcome = otlp::outcome_of(done->status);
  if (outcome == otlp::Outcome::delayed)
    return try_later("the collector answers " + std::to_string(done->status), done->retry_after);
  time_limit_.set({});
  Report report{.kind = Report::Kind::delivered, .signal = post_->signal};
  if (outcome == otlp::Outcome::refused) {
    report.kind = Report::Kind::refused;
    report.why = "the collector answers " + std::to_string(done->status);
  } else if (auto rejected = otlp::rejected_part(done->body)) {
    if (rejected->count > 0) report.kind = Report::Kind::rejected_in_part;
    report.number = rejected->count;
    report.why = escape_controls(rejected->message);
  }
  post_.reset();
  retry_.succeeded();
  parts_.report(report);
  // Not within this call: a collector that refuses at once would otherwise fill the stack.
  next_try_.set(parts_.loop.now());
  pauses_ = true;
}

void Exporter::on_failure(const std::string& why) {
  // A refusal is final, even if the rest of the answer cannot be read.
  if (exchange_ && otlp::outcome_of(exchange_->status) == otlp::Outcome::refused && exchange_->status != 0) {
    exchange_->persistence = http::Persistence::close;
    return on_reply();
  }
  const bool may_have_been_idle_too_long = has_served_ && exchange_ && exchange_->status == 0;
  drop_connection();
  if (!may_have_been_idle_too_long) return try_later(why);
  has_served_ = false;
  connect_or_send();
}

void Exporter::report_displaced() {
  const uint64_t displaced = spool_.displaced() - std::exchange(displaced_, spool_.displaced());
  if (displaced > 0) parts_.report({.kind = Report::Kind::displaced, .number = displaced});
}

void Exporter::try_later(const std::string& why, std::optional<std::chrono::seconds> asked_for) {
  ++try_number_;
  time_limit_.set({});
  parts_.report({.kind = Report::Kind::delayed, .signal = post_->signal, .why = why});
  spool_.put_back(*std::exchange(post_, std::nullopt));
  report_displaced();
  next_try_.set(parts_.loop.now() + retry_.after_failure(parts_.random(), asked_for));
  pauses_ = true;
}

void Exporter::drop_connection() {
  exchange_.reset();
  watch_ = {};
  stream_.reset();
}

}  // namespace ostiary::relay
