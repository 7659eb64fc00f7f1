#include "http2_server.h"

#include <algorithm>

#include <doctest/doctest.h>

namespace ostiary::relay::testing {
namespace {

std::vector<nghttp2_nv> pairs(const Fields& fields) {
  std::vector<nghttp2_nv> made;
  for (const auto& [name, value] : fields)
    made.push_back({.name = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data())),
                    .value = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data())),
                    .namelen = name.size(),
                    .valuelen = value.size(),
                    .flags = NGHTTP2_NV_FLAG_NONE});
  return made;
}

std::string text(const uint8_t* octets, size_t size) {
  return {reinterpret_cast<const char*>(octets), size};
}

}  // namespace

struct Http2Server::Callbacks {
  static Http2Server& of(void* user) { return *static_cast<Http2Server*>(user); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) {
    of(user).begun_[frame->hd.stream_id].fields.emplace_back(text(name, name_size), text(value, value_size));
    return 0;
  }

  static int on_data(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* octets, size_t size,
                     void* user) {
    of(user).begun_[stream].body += text(octets, size);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!may_end || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    Http2Server& server = of(user);
    Call call = std::move(server.begun_[frame->hd.stream_id]);
    call.stream = frame->hd.stream_id;
    server.calls_.push_back(call);
    server.on_call_(server, call);
    return 0;
  }

  static ssize_t give(nghttp2_session* session, int32_t stream, uint8_t* room, size_t size, uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    Answer& answer = of(user).answers_[stream];
    const size_t given = answer.body.copy(reinterpret_cast<char*>(room), size);
    answer.body.erase(0, given);
    if (!answer.body.empty()) return static_cast<ssize_t>(given);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!answer.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto trailers = pairs(answer.trailers);
      nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
    }
    return static_cast<ssize_t>(given);
  }
};

Http2Server::Http2Server(OnCall on_call) : on_call_(std::move(on_call)) {
  nghttp2_session_callbacks* table = nullptr;
  REQUIRE(nghttp2_session_callbacks_new(&table) == 0);
  const std::unique_ptr<nghttp2_session_callbacks, CDelete<nghttp2_session_callbacks_del>> owned(table);
  nghttp2_session_callbacks_set_on_header_callback(table, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(table, Callbacks::on_frame);
  nghttp2_session* session = nullptr;
  REQUIRE(nghttp2_session_server_new(&session, table, this) == 0);
  session_.reset(session);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
}

std::string Http2Server::take(std::string_view octets) {
  (void)nghttp2_session_mem_recv(session(), reinterpret_cast<const uint8_t*>(octets.data()), octets.size());
  std::string sent;
  const uint8_t* next = nullptr;
  while (true) {
    const ssize_t size = nghttp2_session_mem_send(session(), &next);
    if (size <= 0) return sent;
    sent += text(next, static_cast<size_t>(size));
  }
}

void Http2Server::answer(int32_t stream, const Fields& header, std::string body, Fields trailers) {
  answers_[stream] = {.body = std::move(body), .trailers = std::move(trailers)};
  const nghttp2_data_provider provider{.source = {}, .read_callback = Callbacks::give};
  const auto fields = pairs(header);
  nghttp2_submit_response(session(), stream, fields.data(), fields.size(), &provider);
}

void Http2Server::answer(int32_t stream, const Fields& trailers_only) {
  const auto fields = pairs(trailers_only);
  nghttp2_submit_response(session(), stream, fields.data(), fields.size(), nullptr);
}

std::string framed(std::string_view message) {
  std::string framed(1, '\0');
  for (const unsigned shift : {24U, 16U, 8U, 0U}) framed += static_cast<char>(message.size() >> shift);
  return framed.append(message);
}

}  // namespace ostiary::relay::testing
