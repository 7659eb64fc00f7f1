// relay/http_conversation.h: OTLP over HTTP/1.1.
// - A refusal is final, even if the rest of the answer cannot be read.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/secret.h"
#include "ostiary/http/response_reader.h"
#include "relay/collector.h"
#include "relay/conversation.h"

namespace ostiary::relay {

class HttpConversation final : public Conversation {
 public:
  // `collector` must outlive the conversation.
  HttpConversation(ServerStream stream, const Collector& collector)
      : stream_(std::move(stream)), collector_(collector) {}

  Result<> send(const Post& post) override;
  Result<Progress> advance() override;
  bool has_answered() const override { return exchange_ && exchange_->status != 0; }
  bool can_go_on() const override { return persistence_ == http::Persistence::keep; }
  int fd() const override { return stream_.fd(); }

 private:
  // One request and its response.
  struct Exchange {
    const Post& post;
    Secret head;
    size_t sent = 0;  // of head and body together
    bool is_sent = false;
    http::ResponseReader response{http::ResponseTo::other, UINT64_MAX};
    uint16_t status = 0;  // 0: none has arrived
    std::optional<std::chrono::seconds> retry_after = {};
    std::string media_type = {};
    std::string body = {};  // its first answer_octets_kept
  };

  Secret head_of(const Post& post) const;
  Result<Progress> look_at_idle_connection();
  Result<std::optional<uint32_t>> write();
  Result<std::optional<uint32_t>> receive();
  Result<bool> take_all(std::string_view octets);
  Result<bool> take(const http::ResponseEvent& event);
  static std::string words_of(const Exchange& exchange);
  Answer finish();

  ServerStream stream_;
  const Collector& collector_;
  std::unique_ptr<Exchange> exchange_;
  http::Persistence persistence_ = http::Persistence::keep;
};

}  // namespace ostiary::relay
