// relay/exchange.h: one request to the server, and its response.
// - Octets go on in both directions as they arrive. What waits for the server is bounded by the owner:
//   unsent(). The owner pauses the response while the client does not read it.
// - A connection that has served before may have been closed by the server. Then the request is sent
//   once more over a new one, if the server cannot have acted on it: no octet of its body was sent, or
//   it has none and its method is idempotent (RFC 9110, 9.2.2).
// - After cut(), after Arrived::is_complete and after a failure it calls nothing. The connection is
//   closed, or kept for another request if both messages are complete.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/secret.h"
#include "ostiary/event/loop.h"
#include "ostiary/http/response_reader.h"
#include "relay/api_error.h"
#include "relay/server_connections.h"
#include "relay/server_stream.h"

namespace ostiary::relay {

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  enum class Method : uint8_t { head, idempotent, other };

  // What one read has brought.
  struct Arrived {
    const http::ResponseHead* head = nullptr;  // comes first, once
    std::string_view body = {};
    bool is_complete = false;
  };
  // The callbacks may add to the exchange, and cut it.
  struct Owner {
    std::function<void(const Arrived&)> arrived;
    std::function<void()> sent;  // nothing waits for the server any more
    std::function<void(const ApiError&)> failed;
  };

  struct Request {
    Secret head;
    Method method{};
    AfterBody after_body = AfterBody::closed;
  };
  Exchange(event::Loop& loop, ServerConnections& connections, Request request, Owner owner);

  // Octets of the body, as they are to be sent.
  void add(std::string_view octets);
  void end_request() { is_whole_ = true; }
  // Connects at first, then sends what has been added. Calls `failed` at most.
  void advance();
  // How many octets have been added and not been sent.
  size_t unsent() const { return body_.size(); }

  void pause();
  void go_on();
  void cut();

 private:
  void connect();
  void open();
  void on_stream(ServerStream stream);
  void tell_if_sent();
  void watch();
  void drop_connection();
  void on_event();
  void await_octets();
  void on_silence();
  bool may_repeat() const;
  void on_failure(const ApiError& error);
  void give_up(const ApiError& error);
  void send();
  Result<std::optional<ServerStream::Awaits>> write();
  void receive();
  void end_of_stream();
  void take(std::string_view octets);
  bool can_be_kept() const;
  void hand_on(const Arrived& arrived, std::string_view rest);

  event::Loop& loop_;
  ServerConnections& connections_;
  Secret head_;
  Method method_;
  AfterBody after_body_;
  Owner owner_;
  std::string body_;  // what waits for the server
  bool has_begun_ = false;
  bool has_body_ = false;
  bool is_whole_ = false;
  size_t head_sent_ = 0;
  bool has_sent_body_ = false;              // at least in part
  std::optional<std::string> cannot_send_;  // why; the server may have answered even so
  http::ResponseReader response_;
  std::string arrived_body_;  // in one read
  http::Persistence persistence_ = http::Persistence::close;
  bool has_answered_ = false;  // with its first octet
  bool has_succeeded_ = false;
  bool is_reused_ = false;
  bool is_paused_ = false;
  bool is_over_ = false;
  uint64_t opening_ = 0;
  std::optional<ServerStream> stream_;
  std::optional<event::Watch> watch_;  // of the stream
  std::optional<ServerStream::Awaits> to_write_;
  ServerStream::Awaits to_read_ = ServerStream::Awaits::input;
  event::Timer silence_;
  event::Time request_deadline_;
};

}  // namespace ostiary::relay
