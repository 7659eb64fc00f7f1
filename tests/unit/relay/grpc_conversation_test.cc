#include "relay/grpc_conversation.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "../freed_memory.h"
#include "../otlp/messages.h"
#include "gunzip.h"
#include "http2_server.h"
#include "ostiary/base/encoding.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;
using otlp::Outcome;
using otlp::testing::field;
using otlp::testing::number_field;

namespace {

const Fields ok{{"grpc-status", "0"}};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

void take_everything(Http2Server& server, const Http2Server::Call& call) {
  server.answer(call.stream, grpc_header, framed(""), ok);
}

// A conversation in plain text with a server in the same thread.
struct World {
  explicit World(Http2Server::OnCall on_call = take_everything) : server(std::move(on_call)) {
    REQUIRE(::fcntl(ends.theirs.get(), F_SETFL, O_NONBLOCK) == 0);
    auto stream = ServerStream::open(nullptr, std::move(ends.ours), collector.destination.host).value();
    conversation = GrpcConversation::open(std::move(stream), collector).value();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // What the server sends of its own, in octets.
  void send(std::string_view octets) {
    CHECK(::send(ends.theirs.get(), octets.data(), octets.size(), MSG_NOSIGNAL) == std::ssize(octets));
  }
  // The server's turn.
  void serve() {
    std::array<char, 65536> room{};
    const ssize_t got = ::recv(ends.theirs.get(), room.data(), room.size(), 0);
    send(server.take({room.data(), got > 0 ? static_cast<size_t>(got) : 0}));
  }
  Result<Conversation::Progress> advance() { return conversation->advance(); }
  // Until the answer, or what ends the conversation.
  Result<Answer> answer() {
    for (int turn = 0; turn < 1000; ++turn) {
      const auto progress = TRY(advance());
      if (progress.answer) return *progress.answer;
      if (serves) serve();
    }
    FAIL("no answer");
    return Answer{};
  }
  Result<Answer> exchange(Post sent) {
    post = std::move(sent);
    TRY(conversation->send(post));
    return answer();
  }
  Result<Answer> exchange(std::string body = "body") {
    return exchange({.signal = telemetry::Signal::traces, .body = std::move(body)});
  }
  std::string error() {
    const auto answered = exchange();
    return answered ? "none" : answered.error().message;
  }

  Collector collector{.destination = {.host = inet::parse_host("collector.example").value(), .port = 4317},
                      .protocol = telemetry::Protocol::grpc,
                      .is_tls = false,
                      .authority = "collector.example:4317",
                      .paths = {},
                      .header_lines = Secret("Authorization: Basic c2VjcmV0\r\nX-Scope-OrgID: own\r\n")};
  Ends ends = connected_ends();
  bool serves = true;
  Http2Server server;
  std::unique_ptr<Conversation> conversation;
  Post post;
};

// A world whose server answers each call with these fields alone.
Http2Server::OnCall only(const Fields& fields) {
  return [fields](Http2Server& server, const Http2Server::Call& call) { server.answer(call.stream, fields); };
}

Http2Server::OnCall status(const Fields& fields) {
  return only(with(grpc_header, fields));
}

std::string base64(std::string_view octets) {
  std::string text;
  append_base64(text, octets);
  return text;
}

// A frame of HTTP/2, as octets.
std::string frame(uint8_t type, uint8_t flags, uint8_t stream, std::string_view payload) {
  std::string octets;
  for (const unsigned shift : {16U, 8U, 0U}) octets += static_cast<char>(payload.size() >> shift);
  octets += static_cast<char>(type);
  octets += static_cast<char>(flags);
  octets += {0, 0, 0, static_cast<char>(stream)};
  return octets.append(payload);
}

// A field as the library codes it: a literal that no proxy may keep in a table.
std::string coded(std::string name, std::string value) {
  nghttp2_hd_deflater* deflater = nullptr;
  REQUIRE(nghttp2_hd_deflate_new(&deflater, 0) == 0);
  const nghttp2_nv pair{.name = reinterpret_cast<uint8_t*>(name.data()),
                        .value = reinterpret_cast<uint8_t*>(value.data()),
                        .namelen = name.size(),
                        .valuelen = value.size(),
                        .flags = NGHTTP2_NV_FLAG_NO_INDEX};
  std::array<uint8_t, 128> room{};
  const ssize_t size = nghttp2_hd_deflate_hd(deflater, room.data(), room.size(), &pair, 1);
  nghttp2_hd_deflate_del(deflater);
  REQUIRE(size > 8);
  // Its first octet says that there is no table.
  return std::string(reinterpret_cast<const char*>(room.data()), static_cast<size_t>(size)).substr(1);
}

// An answer of one header: :status 200 of the static table, and grpc-status as a literal.
std::string unauthenticated() {
  return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
               std::string("\x88\x00\x0bgrpc-status\x02"
                           "16",
                           17));
}

}  // namespace

TEST_SUITE("relay/grpc_conversation") {
  TEST_CASE("a post is a call with the operator's metadata") {
    World world;
    CHECK(world.exchange().value().outcome == Outcome::delivered);
    REQUIRE(world.server.calls().size() == 1);
    const Http2Server::Call& call = world.server.calls().at(0);
    CHECK(call.fields == Fields{{":method", "POST"},
                                {":scheme", "http"},
                                {":path", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
                                {":authority", "collector.example:4317"},
                                {"te", "trailers"},
                                {"content-type", "application/grpc"},
                                {"authorization", "Basic c2VjcmV0"},
                                {"x-scope-orgid", "own"}});
    CHECK(call.body == framed("body"));
  }

  TEST_CASE("each signal has its service, and one connection carries every call") {
    World world;
    for (const auto signal : {telemetry::Signal::metrics, telemetry::Signal::logs}) {
      REQUIRE(world.conversation->can_go_on());
      CHECK(world.exchange({.signal = signal, .body = ""}).value().outcome == Outcome::delivered);
    }
    REQUIRE(world.server.calls().size() == 2);
    CHECK(world.server.calls().at(0).fields.at(2).second ==
          "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    CHECK(world.server.calls().at(1).fields.at(2).second ==
          "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
    CHECK(world.server.calls().at(1).body == framed(""));
  }

  TEST_CASE("a compressed body is marked") {
    World world;
    CHECK(world.exchange(gzip("body").value()).has_value());
    const Http2Server::Call& call = world.server.calls().at(0);
    CHECK(std::ranges::count(call.fields, Fields::value_type("grpc-encoding", "gzip")) == 1);
    CHECK(call.body.front() == '\1');
    CHECK(gunzip(call.body.substr(5)) == "body");
  }

  TEST_CASE("a post of many octets arrives whole, as the server makes room for it") {
    World world;
    const std::string body(800'000, 'x');
    CHECK(world.exchange(body).value().outcome == Outcome::delivered);
    CHECK((world.server.calls().at(0).body == framed(body)));
    CHECK(world.conversation->can_go_on());
  }

  TEST_CASE("the part that the collector did not take is read") {
    const std::string message = field(1, number_field(1, 7) + field(2, "too\nold"));
    std::string body = framed(message);
    World world([&body](Http2Server& server, const Http2Server::Call& call) {
      server.answer(call.stream, grpc_header, body, ok);
    });
    CHECK(world.exchange().value().rejected == 7);
    CHECK(world.exchange().value().why == "too\\x0aold");
    // An answer that is cut, or compressed, does not say so.
    for (const std::string& other : {body.substr(0, body.size() - 1), "\1" + body.substr(1), std::string()}) {
      body = other;
      const Answer answer = world.exchange().value();
      CHECK(answer.outcome == Outcome::delivered);
      CHECK(answer.rejected == 0);
    }
  }

  TEST_CASE("the status is in the trailers, or in the only header") {
    const Fields unavailable{{"grpc-status", "14"}, {"grpc-message", "over%20load%0aed%ff"}};
    World trailers([&](Http2Server& server, const Http2Server::Call& call) {
      server.answer(call.stream, grpc_header, "", unavailable);
    });
    World header(status(unavailable));
    for (World* world : {&trailers, &header}) {
      const Answer answer = world->exchange().value();
      CHECK(answer.outcome == Outcome::delayed);
      CHECK(answer.why == "the collector answers UNAVAILABLE: over load\\x0aed\xff");
      CHECK_FALSE(answer.retry_after.has_value());
      CHECK(world->conversation->can_go_on());
    }
  }

  TEST_CASE("a status that is final is a refusal, and a message that is not encoded is shown as it is") {
    World world(status({{"grpc-status", "16"}, {"grpc-message", "100%"}}));
    const Answer answer = world.exchange().value();
    CHECK(answer.outcome == Outcome::refused);
    CHECK(answer.why == "the collector answers UNAUTHENTICATED: 100%");
  }

  TEST_CASE("a collector that is exhausted is asked again when it says so") {
    const std::string delay = field(
        3, field(1, "type.googleapis.com/google.rpc.RetryInfo") + field(2, field(1, number_field(1, 9))));
    World world(status({{"grpc-status", "8"}, {"grpc-status-details-bin", base64(delay)}}));
    CHECK(world.exchange().value().outcome == Outcome::delayed);
    CHECK(world.exchange().value().retry_after == 9s);
    World silent(status({{"grpc-status", "8"}}));
    CHECK(silent.exchange().value().outcome == Outcome::refused);
  }

  TEST_CASE("an answer that is not of gRPC is judged by its status of HTTP, and is never a delivery") {
    World delayed(only({{":status", "503"}}));
    CHECK(delayed.exchange().value().outcome == Outcome::delayed);
    World refused(only({{":status", "404"}}));
    CHECK(refused.exchange().value().why == "the collector answers 404");
    World page(only({{":status", "200"}, {"content-type", "text/html"}}));
    CHECK(page.error() == "the collector's answer has no grpc-status");
    World malformed(status({{"grpc-status", "0x0"}}));
    CHECK(malformed.error() == "the collector's answer has no grpc-status");
  }

  TEST_CASE("an answer before the whole post was sent counts, and ends the conversation") {
    for (const bool closes : {false, true}) {
      World world;
      world.serves = false;
      // The window is wide, so that the socket is what is full.
      world.send(frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)));
      world.send(frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\x7f\xff\0\0", 4)));
      world.post = {.signal = telemetry::Signal::traces, .body = std::string(500'000, 'x')};
      REQUIRE(world.conversation->send(world.post));
      CHECK((world.advance().value().awaits & EPOLLOUT) != 0);
      world.send(unauthenticated());
      if (closes) world.ends.theirs.reset();
      CHECK(world.answer().value().why == "the collector answers UNAUTHENTICATED");
      CHECK_FALSE(world.conversation->can_go_on());
    }
  }

  TEST_CASE("a call that the collector resets is no answer") {
    World world([](Http2Server& server, const Http2Server::Call& call) {
      nghttp2_submit_rst_stream(server.session(), NGHTTP2_FLAG_NONE, call.stream, NGHTTP2_REFUSED_STREAM);
    });
    CHECK(world.error() == "the collector ends the call: REFUSED_STREAM");
  }

  TEST_CASE("a connection that the collector leaves ends after the call it still answers") {
    World world([](Http2Server& server, const Http2Server::Call& call) {
      take_everything(server, call);
      nghttp2_submit_goaway(server.session(), NGHTTP2_FLAG_NONE, call.stream, NGHTTP2_NO_ERROR, nullptr, 0);
    });
    CHECK(world.exchange().value().outcome == Outcome::delivered);
    for (int i = 0; i < 3; ++i) (void)world.advance();
    CHECK_FALSE(world.conversation->can_go_on());
    CHECK_FALSE(world.advance().has_value());

    World unanswered([](Http2Server& server, const Http2Server::Call&) {
      nghttp2_submit_goaway(server.session(), NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, nullptr, 0);
    });
    CHECK(unanswered.error() == "the collector ends the call: REFUSED_STREAM");
    CHECK_FALSE(unanswered.conversation->has_answered());
  }

  TEST_CASE("a collector that closes is no answer, also in the middle of one") {
    World world;
    world.serves = false;
    world.ends.theirs.reset();
    CHECK_FALSE(world.exchange().has_value());
    World middle([](Http2Server& server, const Http2Server::Call& call) {
      server.answer(call.stream, grpc_header, std::string(200'000, 'x'), ok);
    });
    REQUIRE(middle.conversation->send(middle.post));
    (void)middle.advance();
    middle.serve();
    (void)middle.advance();
    CHECK(middle.conversation->has_answered());
    middle.ends.theirs.reset();
    const auto ended = middle.answer();
    CHECK_FALSE(ended.has_value());
  }

  TEST_CASE("between two calls the conversation answers a PING, and ends with the connection") {
    World world;
    CHECK(world.exchange().has_value());
    for (int i = 0; i < 3; ++i) {
      world.serve();
      CHECK(world.advance().has_value());
    }
    std::array<char, 4096> room{};
    while (::recv(world.ends.theirs.get(), room.data(), room.size(), 0) > 0) {
    }
    world.send(frame(NGHTTP2_PING, 0, 0, "12345678"));
    CHECK(world.advance().has_value());
    const ssize_t got = ::recv(world.ends.theirs.get(), room.data(), room.size(), 0);
    REQUIRE(got > 0);
    CHECK(std::string_view(room.data(), static_cast<size_t>(got)) ==
          frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678"));
    world.ends.theirs.reset();
    CHECK_FALSE(world.advance().has_value());
  }

  TEST_CASE("a server that does not speak HTTP/2 is no collector") {
    World world;
    world.serves = false;
    world.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    CHECK(world.error().starts_with("the collector's answer: "));
  }

  TEST_CASE("a server that pushes a response ends the conversation") {
    World world;  // its server has not read the client's settings
    REQUIRE(world.conversation->send(world.post));
    (void)world.advance();
    Http2Server other(take_everything);
    world.send(other.take(""));
    world.send(
        frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, std::string("\0\0\0\2\x82\x87\x84", 7)));
    world.serves = false;
    const auto answered = world.answer();
    REQUIRE_FALSE(answered.has_value());
    CHECK(answered.error().message == "the collector's answer: it pushes a response");
  }

  TEST_CASE("a server that floods with PING or SETTINGS ends the conversation") {
    for (const auto& [type, payload] :
         {std::pair{NGHTTP2_PING, std::string("12345678")}, std::pair{NGHTTP2_SETTINGS, std::string()}}) {
      World world;
      Http2Server other(take_everything);
      world.send(other.take(""));
      std::string flood;
      for (int i = 0; i < 1000; ++i) flood += frame(static_cast<uint8_t>(type), 0, 0, payload);
      bool has_ended = false;
      for (int i = 0; i < 1000 && !has_ended; ++i) {
        world.send(flood);
        has_ended = !world.advance().has_value();
      }
      CHECK(has_ended);
    }
    World world;
    std::string entries;
    for (int i = 0; i < 33; ++i) entries += std::string("\0\3\0\0\0\1", 6);
    world.send(frame(NGHTTP2_SETTINGS, 0, 0, entries));
    CHECK_FALSE(world.exchange().has_value());
  }

  TEST_CASE("a header of many octets ends the conversation, also if each field is short") {
    Fields many = with(grpc_header, ok);
    for (int i = 0; i < 40; ++i) many.emplace_back("x-" + std::to_string(i), std::string(1000, 'x'));
    World octets(only(many));
    CHECK(octets.error() == "the collector's answer: its header is too long");
    many = with(grpc_header, ok);
    for (int i = 0; i < 1000; ++i) many.emplace_back("a", "");
    World fields(only(many));
    CHECK(fields.error() == "the collector's answer: its header is too long");
  }

  TEST_CASE("of an answer of many octets a part is kept") {
    World world([](Http2Server& server, const Http2Server::Call& call) {
      server.answer(call.stream, grpc_header, std::string(1'000'000, '\0'), ok);
    });
    CHECK(world.exchange().value().outcome == Outcome::delivered);
    CHECK(world.conversation->can_go_on());
  }

  TEST_CASE("the credentials are in no memory that is freed") {
    const std::string authorization = coded("authorization", "Basic c2VjcmV0");
    const std::string value = authorization.substr(authorization.size() - 8);
    auto world = std::make_unique<World>();
    world->serves = false;
    REQUIRE(world->conversation->send(world->post));
    (void)world->advance();
    std::array<char, 4096> sent{};
    const ssize_t got = ::recv(world->ends.theirs.get(), sent.data(), sent.size(), 0);
    REQUIRE(got > 0);
    const std::string_view wire(sent.data(), static_cast<size_t>(got));
    CHECK(wire.contains(authorization));
    CHECK(wire.contains(coded("x-scope-orgid", "own")));
    {
      const ostiary::testing::FreedMemory freed(value);
      world->conversation.reset();
      CHECK(freed.count() == 0);
    }
    const ostiary::testing::FreedMemory freed("c2VjcmV0");
    world.reset();
    CHECK(freed.count() == 0);
  }
}
