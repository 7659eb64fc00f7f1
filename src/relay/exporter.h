// relay/exporter.h: sends telemetry to one collector, one request after the other, until it is delivered
// or refused.
// - The credentials are in no text but the request that is sent. Over TLS the server's certificate is
//   verified before they are sent.
// - A post that the collector did not take stays the oldest, and is sent again after a pause. If a
//   connection ends between two requests, the next one is sent over a new connection at once.
// - Redirects are not followed: they are refusals.
// - Posts that wait are sent together. If the collector does not take them so, each is sent alone.
// - A post that the collector puts off several times, or does not answer, goes to the end of the queue, so that it
//   does not hold up those behind it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/telemetry/endpoint.h"
#include "relay/collector.h"
#include "relay/conversation.h"
#include "relay/post.h"
#include "relay/retry.h"
#include "relay/spool.h"
#include "relay/tls.h"

namespace ostiary::relay {

// What became of a post, or of a try to send it.
struct Report {
  enum class Kind : uint8_t { delivered, rejected_in_part, refused, delayed, displaced, left_out, forgotten };
  Kind kind{};
  telemetry::Signal signal{};
  std::string why = {};  // one line, without a secret; of `delivered` a warning, if there is one
  // Of records, if rejected_in_part; of posts, if displaced. Of points or sums, if left_out or forgotten
  // (otlp/cumulative.h).
  uint64_t number = 0;
  uint64_t posts = 1;  // that were sent together
};

class Exporter {
 public:
  // Connects to the destination. The callback may be called within connect(), and at most once.
  using Connected = std::function<void(Result<UniqueFd>)>;
  struct Parts {
    event::Loop& loop;
    const TlsTrust* trust;  // nullptr: for a collector without TLS
    std::function<void(Connected)> connect;
    std::function<double()> random;
    std::function<void(const Report&)> report;
    // Brings the body of a post up to date that goes behind newer ones. May be empty.
    std::function<void(Post&)> renew = {};
  };

  // All of `parts` must outlive the Exporter, which must outlive each connect().
  // What the spool holds already is sent first.
  Exporter(Parts parts, Collector collector, Spool spool);

  // Whether the collector takes the signal.
  bool exports(telemetry::Signal signal) const { return collector_.paths.contains(signal); }
  // Requires that the signal is exported. The body is compressed here, if the collector wants it so, and then
  // never again. An error if the spool has no room: the post will not be sent.
  Result<> add(Post post);
  // Something else that became of telemetry for this collector.
  void report(const Report& what) const { parts_.report(what); }
  // Nothing waits, and nothing is being sent.
  bool is_done() const { return spool_.empty() && !front_; }
  // Posts that are not delivered.
  uint64_t waiting_posts() const { return std::max(spool_.posts(), front_ ? front_->posts : 0); }
  const Spool& spool() const { return spool_; }

 private:
  void try_soon();
  void begin();
  void connect_or_send();
  void on_connected(Result<UniqueFd> socket);
  void send();
  void advance();
  void on_answer(const Conversation::Progress& progress);
  void on_failure(const std::string& why);
  void end_try(const std::string& why);
  void count_try();
  void put_back();
  void put_last();
  void renew(Post& post) const;
  void report_displaced();
  void try_later(const std::string& why, std::optional<std::chrono::seconds> asked_for = {});
  void drop_connection();

  Parts parts_;
  Collector collector_;
  Spool spool_;
  Retry retry_;
  std::optional<Spool::Front> front_;  // being sent; the spool holds it too, unless newer posts displaced it
  uint64_t number_ = 0;                // of the post that was sent last, in the spool
  uint64_t alone_until_ = 0;           // posts in front of this number are sent alone
  size_t tries_ = 0;                   // of that post, which the collector did not take
  bool pauses_ = false;                // until next_try_
  uint64_t displaced_ = 0;             // as reported
  std::unique_ptr<Conversation> conversation_;
  bool has_served_ = false;  // it has carried an exchange
  bool is_exchanging_ = false;
  uint64_t try_number_ = 0;
  event::Watch watch_;  // of the conversation
  event::Timer next_try_;
  event::Timer time_limit_;
};

}  // namespace ostiary::relay
