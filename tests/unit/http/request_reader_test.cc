#include "ostiary/http/request_reader.h"

#include <set>
#include <string>

#include <doctest/doctest.h>

#include "allocations.h"
#include "cuts.h"
#include "http/limits.h"

using namespace ostiary::http;
using namespace ostiary::http::testing;
using namespace std::string_literals;

namespace {

const std::string get = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

// A request with these lines after the request line and the Host.
std::string post(std::string_view fields, std::string_view body = "") {
  return "POST /v1/traces HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
std::string first_line(std::string_view line) {
  return std::string(line) + "\r\nHost: a\r\n\r\n";
}

struct Row {
  std::string stream;
  Fault fault;
};

void check_refusals(const std::vector<Row>& rows) {
  for (const auto& [stream, fault] : rows) {
    CAPTURE(stream);
    // Also after another request on the same connection.
    for (const std::string& before : {""s, get}) {
      const auto outcome = requests(before + stream);
      REQUIRE(outcome.fault.has_value());
      CHECK(text(*outcome.fault) == text(fault));
      for (const Read& read : outcome.messages) CHECK(read.complete == (read.start == "GET /next"));
    }
  }
}

Read only(const Outcome& outcome) {
  CHECK_FALSE(outcome.fault.has_value());
  REQUIRE(outcome.messages.size() == 1);
  return outcome.messages[0];
}

std::string body_of(std::string_view stream) {
  const Read read = only(requests(stream));
  CHECK(read.complete);
  return read.body;
}

// The fault for a stream that is too long to cut at every position.
std::optional<Fault> fault_of(const std::string& stream) {
  const auto whole = read_requests({stream});
  CHECK(read_requests(single_octets(stream)) == whole);
  for (const size_t at : {1UL, stream.size() / 2, stream.size() - 2, stream.size() - 1})
    CHECK(read_requests({stream.substr(0, at), stream.substr(at)}) == whole);
  return whole.fault;
}

}  // namespace

TEST_SUITE("http/request_reader") {
  TEST_CASE("reads a request as it was sent") {
    const Read read = only(
        requests("POST /v1/traces?a=%20b HTTP/1.1\r\nHost: 127.0.0.1:4318\r\nUser-Agent:a b\r\nX-Empty:\r\n"
                 "X-Blanks: \t caf\xc3\xa9\t1 \t\r\nUpgrade: h2c\r\nConnection: keep-alive, "
                 "upgrade\r\ncontent-LENGTH: "
                 "5\r\n\r\nhello"));
    CHECK(read.start == "POST /v1/traces?a=%20b");
    CHECK(read.fields == decltype(read.fields){{"Host", "127.0.0.1:4318"},
                                               {"User-Agent", "a b"},
                                               {"X-Empty", ""},
                                               {"X-Blanks", "caf\xc3\xa9\t1"},
                                               {"Upgrade", "h2c"},
                                               {"Connection", "keep-alive, upgrade"},
                                               {"content-LENGTH", "5"}});
    CHECK(read.version == Version::http_1_1);
    CHECK(read.framing == Framing{Framing::Kind::length, 5});
    CHECK(read.persistence == Persistence::keep);
    CHECK_FALSE(read.expects_continue);
    CHECK(read.body == "hello");
    CHECK(read.complete);
  }

  TEST_CASE("takes any method that is a token, except for CONNECT") {
    for (const char* method : {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "connect", "M-SEARCH"}) {
      CHECK(only(requests(first_line(method + " /a HTTP/1.1"s))).start == method + " /a"s);
      // A response to HEAD has no body, but the request may have one.
      CHECK(body_of(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"s) == "ab");
    }
  }

  TEST_CASE("reads a body in chunks, without extensions and trailers") {
    CHECK(body_of(chunked("0\r\n\r\n")) == "");
    CHECK(body_of(chunked("5\r\nhello\r\n0\r\n\r\n")) == "hello");
    CHECK(body_of(chunked("1;a\r\nx\r\n00a;b=\"c\";d\r\n0123456789\r\n0;e\r\nHostX: "
                          "y\r\nHos:\r\nTransfer-Encodings: z\r\nZ:\r\n\r\n")) == "x0123456789");
    CHECK(body_of(chunked("A\r\n0\r\n\r\n12345\r\n0\r\n\r\n")) == "0\r\n\r\n12345");
    CHECK(body_of(post("Transfer-Encoding:\tChunked \r\n", "1\r\nx\r\n0\r\n\r\n")) == "x");
    const Read read = only(requests(chunked("")));
    CHECK(read.framing == Framing{Framing::Kind::chunked, 0});
    CHECK_FALSE(read.complete);
  }

  TEST_CASE("gives one request after another, and leaves the octets of the next") {
    const auto outcome = requests(post("Content-Length: 3\r\n", "abc") + get +
                                  chunked("2\r\nde\r\n0\r\n\r\n") + get + "GET /unfin");
    CHECK_FALSE(outcome.fault.has_value());
    REQUIRE(outcome.messages.size() == 4);
    CHECK(outcome.messages[0].body == "abc");
    CHECK(outcome.messages[2].body == "de");
    for (const size_t i : {1U, 3U}) {
      CHECK(outcome.messages[i].start == "GET /next");
      CHECK(outcome.messages[i].fields == decltype(Read::fields){{"Host", "a"}});
      CHECK(outcome.messages[i].framing == Framing{});
    }
    for (const Read& read : outcome.messages) CHECK(read.complete);
    RequestReader reader(body_limit);
    const std::string two = get + get;
    std::string_view input = two;
    CHECK(std::holds_alternative<const RequestHead*>(reader.next(input)));
    CHECK(std::holds_alternative<Complete>(reader.next(input)));
    CHECK(input == get);
  }

  TEST_CASE("reads no request after one that closes the connection") {
    for (const std::string closing : {"Connection: close\r\n", "Connection: keep-alive, CLOSE\r\n",
                                      "Connection:\r\nConnection: ,close,\r\n"}) {
      const auto alone = requests(post(closing));
      CHECK(only(alone).persistence == Persistence::close);
      CHECK(only(alone).complete);
      const auto followed = requests(post(closing) + get);
      CHECK(followed.messages == alone.messages);
      CHECK(followed.fault == Fault::after_last_request);
    }
    const std::string old = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    CHECK(only(requests(old)).version == Version::http_1_0);
    CHECK(only(requests(old)).persistence == Persistence::close);
    CHECK(requests(old + get).fault == Fault::after_last_request);
    CHECK(only(requests(post("Connection: closed, x-close\r\n"))).persistence == Persistence::keep);
  }

  TEST_CASE("knows whether the client waits for 100") {
    CHECK(only(requests(post("Expect: 100-Continue\r\nContent-Length: 1\r\n"))).expects_continue);
    CHECK(only(requests(post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"))).expects_continue);
    CHECK_FALSE(only(requests(post("Expect: 100-continue\r\n"))).expects_continue);
    CHECK_FALSE(only(requests(post("Expect: 100-continue\r\nContent-Length: 0\r\n"))).expects_continue);
    CHECK_FALSE(
        only(requests("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"))
            .expects_continue);
  }

  TEST_CASE("refuses a body whose end is ambiguous") {
    const std::string smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    std::vector<Row> rows{
        // CL.TE, TE.CL and their order
        {post("Content-Length: 40\r\nTransfer-Encoding: chunked\r\n", smuggled), Fault::length_and_coding},
        {post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", smuggled), Fault::length_and_coding},
        {post("Content-Length: 3\r\nTransfer-Encoding: identity\r\n", smuggled), Fault::length_and_coding},
        {post("Content-Length: x\r\nTransfer-Encoding: chunked\r\n", smuggled), Fault::length_and_coding},
        // CL.CL
        {post("Content-Length: 5\r\nContent-Length: 0\r\n", smuggled), Fault::length_doubled},
        {post("Content-Length: 5\r\ncontent-length: 5\r\n", smuggled), Fault::length_doubled},
        {post("Content-Length: 5\r\nX: y\r\nContent-Length:\r\n", smuggled), Fault::length_doubled},
        // TE.TE
        {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", smuggled),
         Fault::transfer_coding},
        {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", smuggled),
         Fault::transfer_coding},
        // names that some servers take for the field
        {post("Content_Length: 5\r\n", smuggled), Fault::disguised_name},
        {post("Transfer_Encoding: chunked\r\n", smuggled), Fault::disguised_name},
        {post("transfer.encoding: chunked\r\n", smuggled), Fault::disguised_name},
        {post("Content-Length : 5\r\n", smuggled), Fault::field_name},
        {post("Transfer-Encoding\t: chunked\r\n", smuggled), Fault::field_name},
        {post("Transfer Encoding: chunked\r\n", smuggled), Fault::field_name},
        {post(" Transfer-Encoding: chunked\r\n", smuggled), Fault::folded_line},
        {post("\xefTransfer-Encoding: chunked\r\n", smuggled), Fault::field_name},
        {post("X: y\rTransfer-Encoding: chunked\r\n", smuggled), Fault::bare_cr},
        {post("X: y\nTransfer-Encoding: chunked\r\n", smuggled), Fault::bare_lf},
        {post("X: y\n\rTransfer-Encoding: chunked\r\n", smuggled), Fault::bare_lf},
        {post("Transfer-Encoding:\r\n chunked\r\n", smuggled), Fault::folded_line},
        {post("Transfer-Encoding: \x0b"
              "chunked\r\n",
              smuggled),
         Fault::control},
        {post("Transfer-Encoding\x0c: chunked\r\n", smuggled), Fault::control},
        {post("Transfer-Encoding: chunked\0\r\n"s, smuggled), Fault::control},
        {post("Transfer-Encoding: chunked\x7f\r\n", smuggled), Fault::control},
        {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled,
         Fault::coding_before_1_1},
    };
    for (const char* length : {"",
                               "+5",
                               "-5",
                               "-0",
                               "5,5",
                               "5, 5",
                               "5 5",
                               "5;",
                               "0x5",
                               "5.0",
                               "1e1",
                               "\"5\"",
                               "1_0",
                               "05",
                               "00",
                               "5,",
                               ",5",
                               "٥",
                               "five",
                               "5\xa0",
                               "18446744073709551616",
                               "99999999999999999999999999"})
      rows.push_back({post("Content-Length: "s + length + "\r\n", smuggled), Fault::length});
    for (const char* coding : {"",
                               "identity",
                               "gzip",
                               "gzip, chunked",
                               "chunked, gzip",
                               "chunked, chunked",
                               "chunked, identity",
                               "identity, chunked",
                               ", chunked",
                               "chunked,",
                               "chunked;q=1",
                               "chunked; a",
                               "\"chunked\"",
                               "'chunked'",
                               "xchunked",
                               "chunkedx",
                               "chunked chunked",
                               "chunk",
                               "ch\xc3\xbcnked",
                               "chunked\xa0"})
      rows.push_back({post("Transfer-Encoding: "s + coding + "\r\n", smuggled), Fault::transfer_coding});
    check_refusals(rows);
  }

  TEST_CASE("refuses chunks that two servers could read in different ways") {
    std::vector<Row> rows{
        // a chunk that does not end where its size says
        {chunked("3\r\nabcd\r\n0\r\n\r\n"), Fault::chunk_end},
        {chunked("3\r\nabcXX0\r\n\r\n"), Fault::chunk_end},
        {chunked("3\r\nab\r\n0\r\n\r\n"), Fault::chunk_end},
        {chunked("3\r\nabc\n0\r\n\r\n"), Fault::chunk_end},
        {chunked("3\r\nabc\r0\r\n\r\n"), Fault::chunk_end},
        {chunked("3\r\nabc0\r\n\r\n"), Fault::chunk_end},
        // line ends in the size and in the extension
        {chunked("3\nabc\r\n0\r\n\r\n"), Fault::bare_lf},
        {chunked("3\rabc\r\n0\r\n\r\n"), Fault::bare_cr},
        {chunked("3\r\r\nabc\r\n0\r\n\r\n"), Fault::bare_cr},
        {chunked("3;a\nabc\r\n0\r\n\r\n"), Fault::bare_lf},
        {chunked("3;\n\r\nabc\r\n0\r\n\r\n"), Fault::bare_lf},
        {chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), Fault::bare_cr},
        {chunked("3;\"a\r\n\"\r\nabc\r\n0\r\n\r\n"), Fault::chunk_end},
        {chunked("3;\0\r\nabc\r\n0\r\n\r\n"s), Fault::control},
        {chunked("0\n\n"), Fault::bare_lf},
        {chunked("0\r\n\n"), Fault::bare_lf},
        {chunked("0\r\n\rGET / HTTP/1.1\r\n\r\n"), Fault::bare_cr},
        // trailers
        {chunked("0\r\n X: y\r\n\r\n"), Fault::folded_line},
        {chunked("0\r\nX: y\r\n\tz\r\n\r\n"), Fault::folded_line},
        {chunked("0\r\nX : y\r\n\r\n"), Fault::field_name},
        {chunked("0\r\n: y\r\n\r\n"), Fault::field_name},
        {chunked("0\r\nX\r\n\r\n"), Fault::field_name},
        {chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), Fault::field_name},
        {chunked("0\r\nX: y\nZ: y\r\n\r\n"), Fault::bare_lf},
        {chunked("0\r\nX: y\rZ: y\r\n\r\n"), Fault::bare_cr},
        {chunked("0\r\nX: \0\r\n\r\n"s), Fault::control},
        {chunked("0\r\nContent-Length: 5\r\n\r\n"), Fault::trailer_name},
        {chunked("0\r\nX: y\r\ntransfer_encoding: chunked\r\n\r\n"), Fault::trailer_name},
        {chunked("0\r\nHost: b\r\n\r\n"), Fault::trailer_name},
    };
    for (const char* size : {"", " 3", "3 ", "3\t", "+3", "-3", "0x3", "3h", "g", ";a", "3 ;a", "\"3\"",
                             "3,3", "\xef\xbc\x93", "3\v", "3\xa0"})
      rows.push_back({chunked(size + "\r\nabc\r\n0\r\n\r\n"s), Fault::chunk_size});
    // more than 64 bits, which others read as 3
    for (const char* size : {"10000000000000003", "00000000000000003", "fffffffffffffffff"})
      rows.push_back({chunked(size + "\r\nabc\r\n0\r\n\r\n"s), Fault::chunk_size});
    for (const char* size : {"ffffffffffffffff", "8000000000000000", "100000003", "3e9"})
      rows.push_back({chunked(size + "\r\nabc\r\n0\r\n\r\n"s), Fault::body_too_large});
    check_refusals(rows);
  }

  TEST_CASE("refuses a first line of another form") {
    std::vector<Row> rows;
    for (const char* line : {"",
                             " ",
                             "GET",
                             "GET /",
                             "GET  / HTTP/1.1",
                             "GET /  HTTP/1.1",
                             " GET / HTTP/1.1",
                             "GET / HTTP/1.1 ",
                             "GET\t/\tHTTP/1.1",
                             "GET /\tHTTP/1.1",
                             "GET /a b HTTP/1.1",
                             "GET /a\tb HTTP/1.1",
                             "GET HTTP/1.1",
                             "GET  HTTP/1.1",
                             "G(T / HTTP/1.1",
                             "GET: / HTTP/1.1",
                             "G\xc3\x8bT / HTTP/1.1",
                             "GET / http/1.1",
                             "GET / HTTP/1.1x",
                             "GET / HTTP/11",
                             "GET / HTTP/01.1",
                             "GET / HTTP/1.10",
                             "GET / HTTP/1",
                             "GET / HTTP1.1",
                             "GET / HTTP/1,1",
                             "GET / HTTPS/1.1",
                             "GET / HTTP/1. 1",
                             "GET / HTTP/+1.1",
                             "HTTP/1.1 200 OK",
                             "GET / ICY/1.1"})
      rows.push_back({first_line(line), Fault::request_line});
    for (const char* version : {"0.9", "1.2", "2.0", "3.0", "0.0", "9.9"})
      rows.push_back({first_line("GET / HTTP/"s + version), Fault::version});
    rows.push_back({"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::version});
    for (const char* target : {"*", "http://a/", "HTTP://a/b", "a:443", "a", "?a", "ws://a/", "file:///a"})
      rows.push_back({first_line("GET "s + target + " HTTP/1.1"), Fault::target_form});
    for (const char* target : {"a:443", "/", "*"})
      rows.push_back({first_line("CONNECT "s + target + " HTTP/1.1"), Fault::connect});
    for (const char* target : {"/#a", "/a?b#c", "/a\\b", "/a\"b", "/<a>", "/a^b", "/`", "/{a}", "/a|b",
                               "/[a]", "/caf\xc3\xa9", "/%", "/%2", "/%zz", "/a%0"})
      rows.push_back({first_line("GET "s + target + " HTTP/1.1"), Fault::target_octet});
    rows.push_back({first_line("GET /\0 HTTP/1.1"s), Fault::control});
    rows.push_back({first_line("GET /\x01 HTTP/1.1"), Fault::control});
    rows.push_back({"\r\n" + get, Fault::request_line});
    rows.push_back({"\n" + get, Fault::bare_lf});
    rows.push_back({"GET / HTTP/1.1\nHost: a\n\n", Fault::bare_lf});
    rows.push_back({"GET / HTTP/1.1\rHost: a\r\r", Fault::bare_cr});
    rows.push_back({"\x16\x03\x01\x02", Fault::control});  // TLS
    check_refusals(rows);
  }

  TEST_CASE("refuses HTTP/0.9 before another line arrives") {
    CHECK(requests("GET /\r\n").fault == Fault::request_line);
    CHECK(requests("GET http://a/ HTTP/1.1\r\n").fault == Fault::target_form);
  }

  TEST_CASE("refuses malformed fields, and a Host that is missing, doubled or malformed") {
    std::vector<Row> rows{
        {"GET / HTTP/1.1\r\n\r\n", Fault::host_missing},
        {"GET / HTTP/1.0\r\n\r\n", Fault::host_missing},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::host_doubled},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n", Fault::host_doubled},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fault::folded_line},
        {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Fault::folded_line},
        {post("X: y\r\n\tz\r\n"), Fault::folded_line},
        {post("X: y\r\n \r\n"), Fault::folded_line},
        {post("X\r\n"), Fault::field_line},
        {post(": y\r\n"), Fault::field_name},
        {post("X Y: z\r\n"), Fault::field_name},
        {post("X\xa0: z\r\n"), Fault::field_name},
        {post("X(Y): z\r\n"), Fault::field_name},
        {post("X: y\r\r\n"), Fault::bare_cr},
        {post("X: y\0z\r\n"s), Fault::control},
        {post("X: y\x1bz\r\n"), Fault::control},
        {post("X\0: y\r\n"s), Fault::control},
        {"GET / HTTP/1.1\r\nHost: a\r\n\rX", Fault::bare_cr},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", Fault::bare_lf},
        {post("Connection: a b\r\n"), Fault::connection},
        {post("Connection: close;x\r\n"), Fault::connection},
        {post("Connection: \"close\"\r\n"), Fault::connection},
        {post("Expect: 200-ok\r\n"), Fault::expectation},
        {post("Expect: 100-continue, 100-continue\r\n"), Fault::expectation},
        {post("Expect: 100-continue\r\nExpect: x\r\n"), Fault::expectation},
        {post("Expect:\r\n"), Fault::expectation},
    };
    for (const char* host : {"", "a,b", "a b", "a/", "user@a", "a?", "a#", "a\\b", "caf\xc3\xa9", "<a>"})
      rows.push_back({"GET / HTTP/1.1\r\nHost: "s + host + "\r\n\r\n", Fault::host});
    check_refusals(rows);
  }

  TEST_CASE("answers each kind of fault with its status code, in one line") {
    for (const auto& [fault, code] :
         {std::pair{Fault::request_line, 400}, std::pair{Fault::length_and_coding, 400},
          std::pair{Fault::after_last_request, 400}, std::pair{Fault::body_too_large, 413},
          std::pair{Fault::start_line_too_long, 414}, std::pair{Fault::expectation, 417},
          std::pair{Fault::field_line_too_long, 431}, std::pair{Fault::head_too_large, 431},
          std::pair{Fault::too_many_fields, 431}, std::pair{Fault::trailers_too_large, 431},
          std::pair{Fault::connect, 501}, std::pair{Fault::transfer_coding, 501},
          std::pair{Fault::version, 505}})
      CHECK(status(fault) == code);
    std::set<std::string_view> texts;
    for (auto each = static_cast<uint8_t>(Fault::control); each <= static_cast<uint8_t>(Fault::cut_short);
         ++each)
      texts.insert(text(Fault{each}));
    CHECK(texts.size() == static_cast<size_t>(Fault::cut_short) + 1);
  }

  TEST_CASE("holds every limit to the octet") {
    const auto filled = [](size_t size) { return std::string(size, 'a'); };
    const auto line = [&](size_t size) { return "GET /" + filled(size - 14) + " HTTP/1.1"; };
    CHECK(fault_of(first_line(line(8192))) == std::nullopt);
    CHECK(fault_of(first_line(line(8193))) == Fault::start_line_too_long);
    CHECK(fault_of(filled(8192)) == std::nullopt);
    CHECK(fault_of(filled(8193)) == Fault::start_line_too_long);
    CHECK(fault_of(post("X: " + filled(8189) + "\r\n")) == std::nullopt);
    CHECK(fault_of(post("X: " + filled(8190) + "\r\n")) == Fault::field_line_too_long);

    std::string fields;
    for (size_t i = 0; i < 99; ++i) fields += "X: y\r\n";
    CHECK(fault_of(post(fields)) == std::nullopt);
    CHECK(fault_of(post(fields + "X: y\r\n")) == Fault::too_many_fields);

    fields.clear();
    for (size_t i = 0; i < 4; ++i) fields += "X: " + filled(8000) + "\r\n";
    const size_t left = limits::head_octets - post(fields).size();
    CHECK(fault_of(post(fields + "X: " + filled(left - 5) + "\r\n")) == std::nullopt);
    CHECK(fault_of(post(fields + "X: " + filled(left - 4) + "\r\n")) == Fault::head_too_large);

    CHECK(fault_of(post("Content-Length: 1000\r\n", filled(1000))) == std::nullopt);
    CHECK(fault_of(post("Content-Length: 1001\r\n")) == Fault::body_too_large);
    CHECK(fault_of(chunked("3e7\r\n" + filled(999) + "\r\n1\r\na\r\n0\r\n\r\n")) == std::nullopt);
    CHECK(fault_of(chunked("3e7\r\n" + filled(999) + "\r\n2\r\n")) == Fault::body_too_large);

    CHECK(fault_of(chunked("1;" + filled(512) + "\r\na\r\n0;" + filled(512) + "\r\n\r\n")) == std::nullopt);
    CHECK(fault_of(chunked("1;" + filled(512) + "\r\na\r\n0;" + filled(513) + "\r\n\r\n")) ==
          Fault::chunk_extensions_too_large);
    CHECK(fault_of(chunked("0000000000000001\r\na\r\n0000000000000000\r\n\r\n")) == std::nullopt);
    CHECK(fault_of(chunked("0\r\nX:" + filled(4090) + "\r\n\r\n")) == std::nullopt);
    CHECK(fault_of(chunked("0\r\nX:" + filled(4091) + "\r\n\r\n")) == Fault::trailers_too_large);
  }

  TEST_CASE("copies no body, and allocates once for a connection") {
    RequestReader reader(UINT64_MAX);
    std::vector<std::string> streams{
        post("Content-Length: 70000\r\nConnection: keep-alive\r\n", std::string(70000, 'a'))};
    std::string many;
    for (size_t i = 0; i < 20000; ++i) many += "1\r\na\r\n";
    streams.push_back(chunked(many + "0\r\n\r\n"));
    std::optional<size_t> before;
    for (const std::string& stream : {streams[0], streams[0], streams[1]}) {
      std::string_view input = stream;
      size_t octets = 0, outside = 0;
      for (;;) {
        const RequestEvent event = reader.next(input);
        if (std::holds_alternative<Complete>(event)) break;
        if (const auto* body = std::get_if<Body>(&event)) {
          octets += body->octets.size();
          outside +=
              body->octets.data() < stream.data() || body->octets.data() >= stream.data() + stream.size();
        }
      }
      CHECK(octets >= 20000);
      CHECK(outside == 0);
      if (before) CHECK(ostiary::testing::allocations() == *before);
      before = ostiary::testing::allocations();
    }
  }
}
