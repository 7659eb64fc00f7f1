// relay/conversation.h: a connection to the collector, which carries one post after the other.
// - The credentials are in no text but the request that is sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/epoll.h>

#include "ostiary/base/result.h"
#include "ostiary/otlp/reply.h"
#include "relay/post.h"
#include "relay/server_stream.h"

namespace ostiary::relay {

// What the collector says about a post.
struct Answer {
  otlp::Outcome outcome = otlp::Outcome::refused;
  std::string why = {};   // one line, without a secret; of a delivery a warning, if there is one
  uint64_t rejected = 0;  // records, of a delivery
  std::optional<std::chrono::seconds> retry_after = {};
  std::string code = {};  // HTTP's, such as "401", or gRPC's, such as "UNAUTHENTICATED"
  std::string said = {};  // of a refusal, in the collector's words: one line, which may repeat a credential
  std::string media_type = {};  // over HTTP
};

// That of a delivery, with this response: an ExportTraceServiceResponse, or that of metrics or logs.
Answer delivery(std::string_view response);
// A text of the collector, for a log.
std::string one_line(std::string_view message);

class Conversation {
 public:
  struct Progress {
    uint32_t awaits = 0;  // events of the socket (epoll), before advance() can go on
    std::optional<Answer> answer = {};
  };

  Conversation() = default;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  virtual ~Conversation() = default;

  // Begins an exchange; advance() goes on with it. The post stays in place until its answer. Requires
  // can_go_on(), and that no exchange is in progress.
  virtual Result<> send(const Post& post) = 0;

  // Goes on as far as the socket allows. Between two exchanges it takes what the server sends of its
  // own. An error ends the conversation.
  virtual Result<Progress> advance() = 0;

  // Whether a part of the answer to the last post has arrived.
  virtual bool has_answered() const = 0;
  virtual bool can_go_on() const = 0;
  virtual int fd() const = 0;
};

namespace limits {
inline constexpr size_t answer_octets_kept = 65536;  // of its body
inline constexpr size_t message_octets = 1024;       // of one text for the log
// Other work of the loop has its turn after so many. Each takes at most one record of TLS, so that
// nothing waits in the library, where no event tells of it.
inline constexpr int reads_in_a_turn = 16;
inline constexpr size_t octets_of_a_read = 16384;
}  // namespace limits

}  // namespace ostiary::relay
