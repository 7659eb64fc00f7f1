// http2_server.h: the server's side of gRPC for tests (nghttp2). It moves no octets itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "ostiary/base/c_handle.h"

namespace ostiary::relay::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

class Http2Server {
 public:
  struct Call {
    int32_t stream = 0;
    Fields fields = {};
    std::string body = {};
  };
  using OnCall = std::function<void(Http2Server&, const Call&)>;

  // `on_call` is called when a call is whole.
  explicit Http2Server(OnCall on_call);
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  // Takes what the client sent, and returns what the server sends.
  std::string take(std::string_view octets);

  // An answer with these trailers. Without a header it has trailers only.
  void answer(int32_t stream, const Fields& header, std::string body, Fields trailers);
  void answer(int32_t stream, const Fields& trailers_only);

  nghttp2_session* session() { return session_.get(); }
  const std::vector<Call>& calls() const { return calls_; }

 private:
  struct Callbacks;
  struct Answer {
    std::string body;
    Fields trailers;
  };

  OnCall on_call_;
  std::map<int32_t, Call> begun_;
  std::map<int32_t, Answer> answers_;
  std::vector<Call> calls_;
  std::unique_ptr<nghttp2_session, CDelete<nghttp2_session_del>> session_;
};

const Fields grpc_header{{":status", "200"}, {"content-type", "application/grpc"}};

// A message with its prefix.
std::string framed(std::string_view message);

}  // namespace ostiary::relay::testing
