#include "relay/exporter.h"

#include <utility>

#include "relay/limits.h"
#include "relay/open_conversation.h"
#include "relay/redact.h"

namespace ostiary::relay {
Exporter::Exporter(Parts parts, Collector collector, Spool spool)
    : parts_(std::move(parts)),
      collector_(std::move(collector)),
      spool_(std::move(spool)),
      displaced_(spool_.displaced()),
      next_try_(parts_.loop, [this] { begin(); }),
      time_limit_(parts_.loop, [this] { end_try("the collector did not answer in time"); }) {
  if (!spool_.empty()) try_soon();
}

Result<> Exporter::add(Post post) {
  if (collector_.coding == Coding::gzip)
    if (auto compressed = gzip(post.body)) post.body = *std::move(compressed);
  const Result<> added = spool_.add(post);
  report_displaced();
  // Not within this call: the agent is not to wait for the collector's connection.
  if (!pauses_ && !front_) try_soon();
  return added;
}

// In the next turn of the loop.
void Exporter::try_soon() {
  next_try_.set(parts_.loop.now());
  pauses_ = true;
}

// Begins with the oldest post, unless one is being sent.
void Exporter::begin() {
  pauses_ = false;
  if (front_) return;
  front_ = spool_.front(spool_.oldest_number() < alone_until_ ? 0 : limits::merged_octets);
  report_displaced();
  if (!front_) return;
  if (front_->number != number_) tries_ = 0;
  number_ = front_->number;
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

void Exporter::on_connected(Result<UniqueFd> socket) {
  if (!socket) return on_failure(socket.error().message);
  if (collector_.is_tls && parts_.trust == nullptr) return on_failure("no certificate authority is known");
  auto conversation = open_conversation(collector_, parts_.trust, *std::move(socket));
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
  if (const Result<> begun = conversation_->send(front_->post); !begun)
    return on_failure(begun.error().message);
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
  Answer answer = *progress.answer;
  answer.why = without_credentials(std::move(answer.why), collector_.header_lines.reveal());
  is_exchanging_ = false;
  has_served_ = true;
  if (!conversation_->can_go_on() || !watch_.change(progress.awaits)) drop_connection();
  if (answer.outcome == otlp::Outcome::delayed) {
    count_try();
    return try_later(answer.why, answer.retry_after);
  }
  time_limit_.set({});
  if (answer.outcome == otlp::Outcome::refused && front_->posts > 1) {
    put_back();
    return try_soon();
  }
  const Report::Kind kind = answer.outcome == otlp::Outcome::refused ? Report::Kind::refused
                            : answer.rejected > 0                    ? Report::Kind::rejected_in_part
                                                                     : Report::Kind::delivered;
  const Report report{.kind = kind,
                      .signal = front_->post.signal,
                      .why = answer.why,
                      .number = answer.rejected,
                      .posts = front_->posts};
  spool_.pop(*std::exchange(front_, {}));
  retry_.succeeded();
  parts_.report(report);
  // Not within this call: a collector that refuses at once would otherwise fill the stack.
  try_soon();
}

// Each is sent alone next: the collector may refuse only one of them.
void Exporter::put_back() {
  alone_until_ = std::max(alone_until_, front_->number + front_->posts);
  front_.reset();
}

void Exporter::on_failure(const std::string& why) {
  const bool may_have_been_idle_too_long = has_served_ && is_exchanging_ && !conversation_->has_answered();
  if (!may_have_been_idle_too_long) return end_try(why);
  drop_connection();
  has_served_ = false;
  connect_or_send();
}

void Exporter::end_try(const std::string& why) {
  const bool was_sent = is_exchanging_;
  drop_connection();
  if (was_sent) count_try();
  try_later(why);
}

// Of a post that reached the collector, and was not taken.
void Exporter::count_try() {
  if (++tries_ >= limits::tries) put_last();
}

// The agent chooses how large a post is, and some collectors put off large ones for ever. Until its next turn all are sent
// alone.
void Exporter::put_last() {
  tries_ = 0;
  if (spool_.posts() < 2) return;
  renew(front_->post);
  if (!spool_.add(front_->post)) return;
  spool_.pop(*front_);
  alone_until_ = spool_.oldest_number() + spool_.posts();
}

void Exporter::renew(Post& post) const {
  if (!parts_.renew) return;
  const bool is_compressed = is_gzip(post.body);
  auto octets = is_compressed ? gunzip(post.body, limits::renewed_octets) : std::move(post.body);
  if (!octets) return;
  post.body = *std::move(octets);
  parts_.renew(post);
  if (!is_compressed) return;
  if (auto compressed = gzip(post.body)) post.body = *std::move(compressed);
}

void Exporter::report_displaced() {
  const uint64_t displaced = spool_.displaced() - std::exchange(displaced_, spool_.displaced());
  if (displaced > 0) parts_.report({.kind = Report::Kind::displaced, .number = displaced});
}

void Exporter::try_later(const std::string& why, std::optional<std::chrono::seconds> asked_for) {
  ++try_number_;
  time_limit_.set({});
  parts_.report({.kind = Report::Kind::delayed, .signal = front_->post.signal, .why = why});
  put_back();
  next_try_.set(parts_.loop.now() + retry_.after_failure(parts_.random(), asked_for));
  pauses_ = true;
}

void Exporter::drop_connection() {
  is_exchanging_ = false;
  watch_ = {};
  conversation_.reset();
}

}  // namespace ostiary::relay
