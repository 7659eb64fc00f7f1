// relay/grpc_conversation.h: OTLP over gRPC: unary calls over HTTP/2 (nghttp2).
// - The server may send what it likes, for as long as a try takes: what is kept of it is bounded.
// - The memory of the library, which has held the credentials, is wiped before it is freed.
// - A stream that ends without a status is no answer: the post is sent again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"
#include "relay/collector.h"
#include "relay/conversation.h"

namespace ostiary::relay {

class GrpcConversation final : public Conversation {
 public:
  // `collector` must outlive the conversation.
  static Result<std::unique_ptr<Conversation>> open(ServerStream stream, const Collector& collector);

  Result<> send(const Post& post) override;
  Result<Progress> advance() override;
  bool has_answered() const override { return exchange_ && exchange_->header_octets > 0; }
  bool can_go_on() const override;
  int fd() const override { return stream_.fd(); }

 private:
  struct Callbacks;

  // One call.
  struct Exchange {
    const Post& post;
    std::array<char, 5> prefix;
    size_t sent = 0;  // of prefix and body together
    int32_t stream = -1;
    bool has_ended = false;  // the server sends no more
    uint32_t error = NGHTTP2_NO_ERROR;
    size_t header_octets = 0;  // of all fields
    uint16_t http_status = 0;
    std::string status = {};
    std::string message = {};
    std::string details = {};
    std::string body = {};  // its first answer_octets_kept
  };

  GrpcConversation(ServerStream stream, const Collector& collector);
  Result<> start();
  std::vector<nghttp2_nv> fields_of(const Post& post) const;
  size_t give_body(char* room, size_t size);
  void take_field(std::string_view name, std::string_view value);
  Result<uint32_t> flush();
  Result<uint32_t> receive();
  Result<Answer> finish();
  std::unexpected<Error> failure(int error) const;

  ServerStream stream_;
  const Collector& collector_;
  std::vector<std::string> metadata_names_;  // of the operator's header lines
  std::unique_ptr<nghttp2_session, CDelete<nghttp2_session_del>> session_;
  std::string_view unsent_;  // in the library's memory
  std::unique_ptr<Exchange> exchange_;
  bool is_spoiled_ = false;  // a request of it was never finished
  std::string fault_;        // what the library said about the server
};

}  // namespace ostiary::relay
