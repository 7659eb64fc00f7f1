#include "ostiary/http/response_reader.h"

#include <string>

#include <doctest/doctest.h>

#include "cuts.h"
#include "http/limits.h"

using namespace ostiary::http;
using namespace ostiary::http::testing;
using namespace std::string_literals;

namespace {

std::string ok(std::string_view fields, std::string_view body = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

Read complete(const Outcome& outcome) {
  CHECK_FALSE(outcome.fault.has_value());
  REQUIRE(outcome.messages.size() == 1);
  CHECK(outcome.messages[0].complete);
  return outcome.messages[0];
}

}  // namespace

TEST_SUITE("http/response_reader") {
  TEST_CASE("reads a response, and leaves the octets after it") {
    const auto outcome = response(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 2");
    const Read read = complete(outcome);
    CHECK(read.start == "404 Not Found");
    CHECK(read.fields == decltype(read.fields){{"Content-Type", "text/plain"}, {"content-length", "5"}});
    CHECK(read.version == Version::http_1_1);
    CHECK(read.framing == Framing{Framing::Kind::length, 5});
    CHECK(read.persistence == Persistence::keep);
    CHECK(read.body == "hello");
    CHECK(outcome.rest == "HTTP/1.1 2");
    CHECK(complete(response("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n")).start == "599 ");
    CHECK(complete(response(ok("Content-Length: 0\r\nConnection: close\r\n"))).persistence ==
          Persistence::close);
  }

  TEST_CASE("reads events as they arrive") {
    const std::string stream = ok("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n",
                                  "f\r\nevent: ping\r\n\r\n\r\n9;a\r\ndata: 1\n\n\r\n0\r\nX: y\r\n\r\n");
    CHECK(complete(response(stream)).body == "event: ping\r\n\r\ndata: 1\n\n");
    ResponseReader reader(ResponseTo::other, body_limit);
    std::string_view input = std::string_view(stream).substr(0, stream.find("\r\n9;a"));
    CHECK(std::holds_alternative<const ResponseHead*>(reader.next(input)));
    CHECK(std::get<Body>(reader.next(input)).octets == "event: ping\r\n\r\n");
    CHECK(std::holds_alternative<NeedMore>(reader.next(input)));
  }

  TEST_CASE("skips interim responses, up to a limit") {
    const std::string interim =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 0\r\n\r\n";
    const std::string plain = "HTTP/1.1 102 \r\n\r\n";
    const Read read =
        complete(response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
                          ok("Content-Length: 1\r\n", "a")));
    CHECK(read.start == "200 OK");
    CHECK(read.fields == decltype(read.fields){{"Content-Length", "1"}});
    CHECK(response(interim).fault == Fault::body_not_allowed);
    std::string eight;
    for (size_t i = 0; i < limits::interim_responses; ++i) eight += plain;
    complete(response(eight + ok("Content-Length: 0\r\n")));
    CHECK(response(eight + plain).fault == Fault::too_many_interim);
    CHECK(response(plain, ResponseTo::other, Ending::closed).fault == Fault::cut_short);
  }

  TEST_CASE("knows the responses without a body") {
    for (const std::string fields : {"", "Content-Length: 0\r\n"}) {
      const auto outcome = response("HTTP/1.1 204 No Content\r\n" + fields + "\r\nrest");
      CHECK(complete(outcome).framing == Framing{});
      CHECK(complete(outcome).persistence == Persistence::keep);
      CHECK(outcome.rest == "rest");
    }
    for (const std::string fields : {"", "Content-Length: 70000\r\n", "Transfer-Encoding: chunked\r\n"}) {
      const auto head = response(ok(fields, "rest"), ResponseTo::head);
      CHECK(complete(head).framing == Framing{});
      CHECK(head.rest == "rest");
      const auto not_modified = response("HTTP/1.1 304 Not Modified\r\n" + fields + "\r\nrest");
      CHECK(complete(not_modified).framing == Framing{});
      CHECK(not_modified.rest == "rest");
    }
  }

  TEST_CASE("reads until the server closes if it gives no length") {
    const std::string stream = ok("Content-Type: a/b\r\n", "hello\r\n\r\n");
    const Read read = complete(response(stream, ResponseTo::other, Ending::closed));
    CHECK(read.body == "hello\r\n\r\n");
    CHECK(read.framing == Framing{Framing::Kind::until_close, 0});
    CHECK(read.persistence == Persistence::close);
    CHECK_FALSE(response(stream).messages[0].complete);
    const Read old = complete(
        response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\na", ResponseTo::other, Ending::closed));
    CHECK(old.body == "a");
    CHECK(old.version == Version::http_1_0);
    complete(response(ok("", std::string(body_limit, 'a')), ResponseTo::other, Ending::closed));
    CHECK(response(ok("", std::string(body_limit + 1, 'a'))).fault == Fault::body_too_large);
  }

  TEST_CASE("a response that the connection's end cuts short is a fault") {
    for (const std::string& stream :
         {""s, "HTTP/1.1 200"s, "HTTP/1.1 200 OK\r\nA: b\r\n"s, ok("Content-Length: 5\r\n", "hell"),
          ok("Transfer-Encoding: chunked\r\n"), ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"),
          ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n")})
      CHECK(response(stream, ResponseTo::other, Ending::closed).fault == Fault::cut_short);
    CHECK(complete(response(ok("Content-Length: 0\r\n"), ResponseTo::other, Ending::closed)).complete);
  }

  TEST_CASE("refuses a response that two readers could divide in different ways") {
    struct Row {
      std::string stream;
      Fault fault;
    };
    std::vector<Row> rows{
        {ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), Fault::length_and_coding},
        {ok("Content-Length: 5\r\nContent-Length: 5\r\n"), Fault::length_doubled},
        {ok("Content-Length: 5, 5\r\n"), Fault::length},
        {ok("Content-Length: +5\r\n"), Fault::length},
        {ok("Content-Length: 1001\r\n"), Fault::body_too_large},
        {ok("Content_Length: 5\r\n"), Fault::disguised_name},
        {ok("Transfer-Encoding: gzip, chunked\r\n"), Fault::transfer_coding},
        {ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), Fault::transfer_coding},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::coding_before_1_1},
        {ok("Transfer-Encoding: chunked\r\n", "5\r\nhelloo\r\n"), Fault::chunk_end},
        {ok("Transfer-Encoding: chunked\r\n", "3e9\r\n"), Fault::body_too_large},
        {ok("A: b\r\n c\r\n"), Fault::folded_line},
        {ok("A : b\r\n"), Fault::field_name},
        {ok("A: b\nC: d\r\n"), Fault::bare_lf},
        {ok("A: b\rC: d\r\n"), Fault::bare_cr},
        {ok("A: \0\r\n"s), Fault::control},
        {ok("Connection: a b\r\n"), Fault::connection},
        {ok("A: " + std::string(limits::line_octets, 'a') + "\r\n"), Fault::field_line_too_long},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Fault::body_not_allowed},
        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::body_not_allowed},
        {"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", Fault::body_not_allowed},
        {"HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::body_not_allowed},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", Fault::switches_protocol},
        {"HTTP/1.1 200 OK" + std::string(limits::line_octets, 'a'), Fault::start_line_too_long},
    };
    for (const char* line :
         {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 200", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK",
          "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 -20 OK",
          "HTTP/1.1 2x0 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "http/1.1 200 OK", "HTTP/11 200 OK",
          "ICY 200 OK", "GET / HTTP/1.1", " HTTP/1.1 200 OK"})
      rows.push_back({line + "\r\nContent-Length: 0\r\n\r\n"s, Fault::status_line});
    for (const char* version : {"0.9", "1.2", "2.0"})
      rows.push_back({"HTTP/"s + version + " 200 OK\r\n", Fault::version});
    for (const auto& [stream, fault] : rows) {
      CAPTURE(stream);
      const auto outcome = stream.size() < limits::line_octets
                               ? response(stream)
                               : read_response({stream}, ResponseTo::other, Ending::open);
      REQUIRE(outcome.fault.has_value());
      CHECK(text(*outcome.fault) == text(fault));
    }
  }
}
