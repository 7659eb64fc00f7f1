#include "relay/exporter.h"

#include <utility>

#include "relay/grpc_conversation.h"
#include "relay/http_conversation.h"
#include "relay/limits.h"

namespace ostiary::relay {

Exporter::Exporter(Parts parts, Collector collector, Spool spool)
    : parts_(std::move(parts)),
      collector_(std::move(collector)),
      spool_(std::move(spool)),
      displaced_(spool_.displaced()),
      next_try_(parts_.loop, [this] { begin(); }),
      time_limit_(parts_.loop, [this] {
        drop_connection();
        try_later("the collector did not answer in time");
      }) {
  if (spool_.empty()) return;
  next_try_.set(parts_.loop.now());
  pauses_ = true;
}

Result<> Exporter::add(Post post) {
  if (collector_.coding == Coding::gzip)
    if (auto compressed = gzip(post.body)) post.body = *std::move(compressed);
  const Result<> added = spool_.add(post);
  report_displaced();
  if (!pauses_) begin();
  return added;
}

// Begins with the oldest post, unless one is being sent.
void Exporter::begin() {
  pauses_ = false;
  if (post_) return;
  auto front = spool_.front();
  report_displaced();
  if (!front) return;
  number_ = front->number;
  post_ = std::move(front->post);
  connect_or_send();
}

void Exporter::connect_or_send() {
  time_limit_.set(parts_.loop.now() + limits::time_of_a_try);
  if (conversation_) return send();
  // A connection that comes after the time limit is for no try, and is closed.
  parts_.connect([this, number = ++try_number_](Result<UniqueFd> socket) {
    if (number == try_number_) on_connected(std::move(socket));
  });
}

Result<std::unique_ptr<Conversation>> Exporter::converse(UniqueFd socket) {
  const bool is_grpc = collector_.protocol == telemetry::Protocol::grpc;
  ServerStream stream =
      TRY(ServerStream::open(collector_.is_tls ? parts_.trust : nullptr, std::move(socket),
                             collector_.destination.host, is_grpc ? Alpn::http_2 : Alpn::http_1_1));
  if (is_grpc) return GrpcConversation::open(std::move(stream), collector_);
  return std::make_unique<HttpConversation>(std::move(stream), collector_);
}

void Exporter::on_connected(Result<UniqueFd> socket) {
  if (!socket) return on_failure(socket.error().message);
  if (collector_.is_tls && parts_.trust == nullptr) return on_failure("no certificate authority is known");
  auto conversation = converse(*std::move(socket));
  if (!conversation) return on_failure(conversation.error().message);
  conversation_ = *std::move(conversation);
  has_served_ = false;
  auto watch = event::Watch::create(parts_.loop, conversation_->fd(), 0, [this](uint32_t) {
    advance();
    return Result<>{};
  });
  if (!watch) return on_failure(watch.error().message);
  watch_ = *std::move(watch);
  send();
}

void Exporter::send() {
  is_exchanging_ = true;
  if (const Result<> begun = conversation_->send(*post_); !begun) return on_failure(begun.error().message);
  advance();
}

// Goes on with the exchange, as far as the socket allows. Between two exchanges an error only ends the
// connection.
void Exporter::advance() {
  const auto progress = conversation_->advance();
  if (progress && progress->answer) return on_answer(*progress);
  const Result<> going_on =
      progress ? watch_.change(progress->awaits) : Result<>(std::unexpected(progress.error()));
  if (going_on) return;
  if (is_exchanging_) return on_failure(going_on.error().message);
  drop_connection();
}

void Exporter::on_answer(const Conversation::Progress& progress) {
  const Answer& answer = *progress.answer;
  is_exchanging_ = false;
  has_served_ = true;
  if (!conversation_->can_go_on() || !watch_.change(progress.awaits)) drop_connection();
  if (answer.outcome == otlp::Outcome::delayed) return try_later(answer.why, answer.retry_after);
  time_limit_.set({});
  const Report::Kind kind = answer.outcome == otlp::Outcome::refused ? Report::Kind::refused
                            : answer.rejected > 0                    ? Report::Kind::rejected_in_part
                                                                     : Report::Kind::delivered;
  const Report report{.kind = kind, .signal = post_->signal, .why = answer.why, .number = answer.rejected};
  post_.reset();
  spool_.pop(number_);
  retry_.succeeded();
  parts_.report(report);
  // Not within this call: a collector that refuses at once would otherwise fill the stack.
  next_try_.set(parts_.loop.now());
  pauses_ = true;
}

void Exporter::on_failure(const std::string& why) {
  const bool may_have_been_idle_too_long = has_served_ && is_exchanging_ && !conversation_->has_answered();
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
  post_.reset();
  next_try_.set(parts_.loop.now() + retry_.after_failure(parts_.random(), asked_for));
  pauses_ = true;
}

void Exporter::drop_connection() {
  is_exchanging_ = false;
  watch_ = {};
  conversation_.reset();
}

}  // namespace ostiary::relay
