// relay/exporter.h: sends telemetry to one collector, one post after the other, until it is delivered
// or refused.
// - The credentials are in no text but the request that is sent, and are sent only over a connection
//   whose certificate was verified.
// - A post that the collector did not take stays the oldest, and is sent again after a pause. If a
//   connection ends between two requests, the next one is sent over a new connection at once.
// - Redirects are not followed: they are refusals.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/http/response_reader.h"
#include "ostiary/inet/destination.h"
#include "ostiary/otlp/reply.h"
#include "ostiary/telemetry/endpoint.h"
#include "relay/post.h"
#include "relay/retry.h"
#include "relay/spool.h"
#include "relay/tls.h"

namespace ostiary::relay {

// Where the telemetry goes.
struct Collector {
  inet::Destination destination;
  std::string authority;  // for the Host field: the name, and the port if it is not 443
  std::map<telemetry::Signal, std::string> paths;
  Secret header_lines;  // whole lines, each with its CRLF: "Authorization: Basic …\r\n"
};

// What became of a post, or of a try to send it.
struct Report {
  enum class Kind : uint8_t { delivered, rejected_in_part, refused, delayed, displaced };
  Kind kind{};
  telemetry::Signal signal{};
  std::string why = {};  // one line, without a secret; of `delivered` a warning, if there is one
  uint64_t number = 0;   // of records, if rejected_in_part; of posts, if displaced
};

class Exporter {
 public:
  // Connects to the destination. The callback may be called within connect(), and at most once.
  using Connected = std::function<void(Result<UniqueFd>)>;
  struct Parts {
    event::Loop& loop;
    const TlsTrust& trust;
    std::function<void(Connected)> connect;
    std::function<double()> random;
    std::function<void(const Report&)> report;
  };

  // All of `parts` must outlive the Exporter, which must outlive each connect().
  // What the spool holds already is sent first.
  Exporter(Parts parts, Collector collector, Spool spool);

  // Whether the collector takes the signal.
  bool exports(telemetry::Signal signal) const { return collector_.paths.contains(signal); }
  // Requires that the signal is exported. An error if the spool has no room: the post will not be sent.
  Result<> add(const Post& post);
  // Nothing waits, and nothing is being sent.
  bool is_done() const { return spool_.empty() && !post_; }
  const Spool& spool() const { return spool_; }

 private:
  static constexpr size_t kept_octets = 65536;

  // One request and its reply.
  struct Exchange {
    Secret head = {};
    size_t sent = 0;  // of head and body together
    bool is_sent = false;
    http::ResponseReader response{http::ResponseTo::other, UINT64_MAX};
    uint16_t status = 0;  // 0: none has arrived
    std::optional<std::chrono::seconds> retry_after = {};
    http::Persistence persistence = http::Persistence::close;
    std::string body = {};  // its first kept_octets
  };

  void begin();
  void connect_or_send();
  void on_connected(Result<UniqueFd> socket);
  void send();
  void advance();
  void look_at_idle_connection();
  Result<std::optional<TlsStream::Awaits>> write();
  Result<std::optional<TlsStream::Awaits>> receive();
  Result<bool> take_all(std::string_view octets);
  Result<bool> take(const http::ResponseEvent& event);
  void on_reply();
  void on_failure(const std::string& why);
  void report_displaced();
  void try_later(const std::string& why, std::optional<std::chrono::seconds> asked_for = {});
  void drop_connection();
  Secret head_of(const Post& post) const;

  Parts parts_;
  Collector collector_;
  Spool spool_;
  Retry retry_;
  std::optional<Post> post_;  // being sent; the spool holds it too, unless newer ones displaced it
  uint64_t number_ = 0;       // in the spool
  bool pauses_ = false;       // until next_try_
  uint64_t displaced_ = 0;    // as reported
  std::optional<TlsStream> stream_;
  bool has_served_ = false;  // the connection has carried an exchange
  std::unique_ptr<Exchange> exchange_;
  uint64_t try_number_ = 0;
  event::Watch watch_;  // of the stream
  event::Timer next_try_;
  event::Timer time_limit_;
};

}  // namespace ostiary::relay
