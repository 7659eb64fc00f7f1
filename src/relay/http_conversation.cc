#include "relay/http_conversation.h"

#include <array>
#include <utility>

#include <sys/epoll.h>

#include "ostiary/base/text.h"
#include "relay/retry.h"

namespace ostiary::relay {

Secret HttpConversation::head_of(const Post& post) const {
  const std::string length = std::to_string(post.body.size());
  const std::string& path = collector_.paths.at(post.signal);
  const std::string_view coding = is_gzip(post.body) ? "Content-Encoding: gzip\r\n" : "";
  constexpr size_t fixed_octets = 160;
  std::string head;
  // Without growth no part of the credentials stays in freed memory.
  head.reserve(fixed_octets + path.size() + collector_.authority.size() + length.size() +
               collector_.header_lines.reveal().size());
  append(head, {"POST ", path, " HTTP/1.1\r\nHost: ", collector_.authority,
                "\r\nContent-Type: application/x-protobuf\r\nContent-Length: ", length, "\r\n", coding,
                collector_.header_lines.reveal(), "\r\n"});
  return Secret(std::move(head));
}

Result<> HttpConversation::send(const Post& post) {
  exchange_ = std::make_unique<Exchange>(post, head_of(post));
  return {};
}

Result<Conversation::Progress> HttpConversation::advance() {
  if (!exchange_) return look_at_idle_connection();
  const auto awaits = exchange_->is_sent ? receive() : write();
  if (awaits && *awaits) return Progress{.awaits = **awaits};
  if (awaits) return Progress{.awaits = EPOLLIN, .answer = finish()};
  persistence_ = http::Persistence::close;
  if (has_answered() && otlp::outcome_of(exchange_->status) == otlp::Outcome::refused)
    return Progress{.answer = finish()};
  return std::unexpected(awaits.error());
}

// The server may send messages of TLS itself, such as a ticket. Anything else ends the connection.
Result<Conversation::Progress> HttpConversation::look_at_idle_connection() {
  char octet = 0;
  const auto moved = TRY(stream_.read({&octet, 1}));
  if (moved.awaits) return Progress{.awaits = epoll_events(*moved.awaits)};
  return fail(Exit::unavailable, "the collector ends the connection, or sends what answers nothing");
}

// Empty when the response is complete.
Result<std::optional<uint32_t>> HttpConversation::write() {
  const std::string_view head = exchange_->head.reveal();
  const std::string_view body = exchange_->post.body;
  while (exchange_->sent < head.size() + body.size()) {
    const size_t sent = exchange_->sent;
    const bool is_head = sent < head.size();
    const auto flush = is_head && !body.empty() ? ServerStream::Flush::later : ServerStream::Flush::now;
    const auto moved = stream_.write(is_head ? head.substr(sent) : body.substr(sent - head.size()), flush);
    // A server that refuses a request may close before it has read all of it.
    if (!moved) (void)receive();
    if (!moved) return std::unexpected(moved.error());
    if (moved->awaits) return epoll_events(*moved->awaits);
    if (moved->octets == 0) return fail(Exit::unavailable, "the collector closed the connection");
    exchange_->sent += moved->octets;
  }
  exchange_->is_sent = true;
  return receive();
}

Result<std::optional<uint32_t>> HttpConversation::receive() {
  std::array<char, limits::octets_of_a_read> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (int reads = 0; reads < limits::reads_in_a_turn; ++reads) {
    const auto moved = TRY(stream_.read(room));
    if (moved.awaits) return epoll_events(*moved.awaits);
    const bool has_ended = moved.octets == 0;
    const bool is_complete = has_ended ? TRY(take(exchange_->response.end()))
                                       : TRY(take_all(std::string_view(room.data(), moved.octets)));
    if (is_complete) return std::nullopt;
    if (has_ended) return fail(Exit::unavailable, "the collector closed the connection");
  }
  return EPOLLIN;
}

// Whether the response is complete.
Result<bool> HttpConversation::take_all(std::string_view octets) {
  while (true) {
    const http::ResponseEvent event = exchange_->response.next(octets);
    if (std::holds_alternative<http::NeedMore>(event)) return false;
    if (TRY(take(event))) {
      // Nothing was asked that these could answer.
      if (!octets.empty()) persistence_ = http::Persistence::close;
      return true;
    }
  }
}

Result<bool> HttpConversation::take(const http::ResponseEvent& event) {
  if (const auto* const fault = std::get_if<http::Fault>(&event))
    return fail(Exit::unavailable, "the collector's answer: " + std::string(http::text(*fault)));
  if (const auto* const head = std::get_if<const http::ResponseHead*>(&event)) {
    exchange_->status = (*head)->status;
    exchange_->retry_after = retry_after((*head)->fields);
    for (const http::Field& field : (*head)->fields)
      if (equal_ignoring_case(field.name, "content-type")) exchange_->media_type = to_lower(field.value);
    persistence_ = (*head)->persistence;
  }
  if (const auto* const body = std::get_if<http::Body>(&event))
    exchange_->body += body->octets.substr(0, limits::answer_octets_kept - exchange_->body.size());
  return std::holds_alternative<http::Complete>(event);
}

// A web page says nothing that fits on a line.
std::string HttpConversation::words_of(const Exchange& exchange) {
  if (exchange.media_type.starts_with("text/html")) return {};
  if (exchange.media_type.starts_with("application/x-protobuf"))
    return one_line(otlp::status_message(exchange.body));
  return one_line(exchange.body);
}

Answer HttpConversation::finish() {
  const std::unique_ptr<Exchange> done = std::move(exchange_);
  const otlp::Outcome outcome = otlp::outcome_of(done->status);
  Answer answer{.outcome = outcome,
                .why = "the collector answers " + std::to_string(done->status),
                .retry_after = done->retry_after};
  if (outcome == otlp::Outcome::delivered)
    answer = delivery(done->body);
  else
    answer.said = words_of(*done);
  answer.code = std::to_string(done->status);
  answer.media_type = done->media_type;
  return answer;
}

}  // namespace ostiary::relay
