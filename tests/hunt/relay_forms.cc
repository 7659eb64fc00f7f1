#include "relay_forms.h"

#include <string_view>

#include "shared.h"

namespace ostiary::hunt {
namespace {

// ---- protobuf

std::string varint(size_t number) {
  std::string out;
  for (; number > 127; number >>= 7U) out += static_cast<char>(number | 128U);
  return out + static_cast<char>(number);
}

std::string field(unsigned number, std::string_view content) {
  return static_cast<char>(number << 3U | 2U) + varint(content.size()) + std::string(content);
}

std::string pair(std::string_view key, std::string_view value) {
  return field(1, key) + field(2, field(1, value));
}

// ---- OTLP

std::string export_of(const std::string& records) {
  const std::string resource = field(1, pair("service.name", "claude-code"));
  return field(1, field(1, resource) + field(2, records));
}

std::string traces(std::string_view text) {
  return export_of(field(2, field(5, text)));
}

std::string metrics(std::string_view text) {
  const std::string point = field(7, pair("type", text)) + std::string("\x31\x05\0\0\0\0\0\0\0", 9);
  return export_of(
      field(2, field(1, "tokens") + field(7, field(1, point) + std::string("\x10\x01\x18\x01"))));
}

std::string logs(std::string_view text) {
  return export_of(field(2, field(6, pair("session.id", text))));
}

// ---- HTTP

constexpr std::string_view protobuf = "Content-Type: application/x-protobuf\r\n";

std::string head_with(std::string_view line) {
  return std::string(line) + " HTTP/1.1\r\nHost: relay\r\n";
}

std::string length_of(const std::string& body) {
  return "Content-Length: " + std::to_string(body.size()) + "\r\n";
}

std::string post(std::string_view path, const std::string& body, std::string_view fields = {}) {
  return head_with("POST " + std::string(path)) + std::string(protobuf) + std::string(fields) +
         length_of(body) + "\r\n" + body;
}

std::string chunked(const std::string& body, std::string_view trailer = {}) {
  constexpr std::string_view digits = "0123456789abcdef";
  const std::string size{digits[body.size() >> 4U & 15U], digits[body.size() & 15U]};
  return head_with("POST /v1/traces") + std::string(protobuf) + "Transfer-Encoding: chunked\r\n\r\n" + size +
         "\r\n" + body + "\r\n0\r\n" + std::string(trailer) + "\r\n";
}

// A request that must not arrive at the collector.
std::string hidden(std::string_view text) {
  return "GET /hunt/hidden HTTP/1.1\r\nHost: collector.hunt.example:4318\r\nX-Hunt: " + std::string(text) +
         "\r\n\r\n";
}

}  // namespace

std::string octets_of(RelayForm form, uint64_t seed) {
  const std::string text = seed_as_text(seed);
  const std::string body = traces(text);
  const std::string whole = post("/v1/traces", body);
  switch (form) {
    case RelayForm::traces:
      return whole;
    case RelayForm::metrics:
      return post("/v1/metrics", metrics(text));
    case RelayForm::logs:
      return post("/v1/logs", logs(text));
    case RelayForm::chunks:
      return chunked(body);
    case RelayForm::expectation:
      return post("/v1/traces", body, "Expect: 100-continue\r\n");
    case RelayForm::two:
      return whole + post("/v1/logs", logs(text));
    case RelayForm::begun:
      return whole.substr(0, whole.size() - body.size() / 2);
    case RelayForm::rest:
      return whole.substr(whole.size() - body.size() / 2);
    case RelayForm::get:
      return head_with("GET /v1/traces") + "\r\n";
    case RelayForm::other_path:
      return post("/v1/hidden", body);
    case RelayForm::dot_path:
      return post("/v1/traces/../hidden", body) + post("/v1/%2e%2e/hidden", body);
    case RelayForm::absolute:
      return post("http://collector.hunt.example:4318/hunt/v1/traces", body);
    case RelayForm::connect:
      return head_with("CONNECT collector.hunt.example:4318") + "\r\n" + hidden(text);
    case RelayForm::http2:
      return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden(text);
    case RelayForm::upgrade:
      return post("/v1/traces", body,
                  "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n") +
             hidden(text);
    case RelayForm::two_lengths:
      return post("/v1/traces", body, "Content-Length: 4\r\n") + hidden(text);
    case RelayForm::length_and_chunks:
      return post("/v1/traces", "0\r\n\r\n" + hidden(text), "Transfer-Encoding: chunked\r\n");
    case RelayForm::unknown_coding:
      return head_with("POST /v1/traces") + std::string(protobuf) +
             "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden(text);
    case RelayForm::folded:
      return post("/v1/traces", body, "X-Hunt: folded\r\n Content-Length: 4\r\n") + hidden(text);
    case RelayForm::two_hosts:
      return post("/v1/traces", body, "Host: collector.hunt.example:4318\r\n");
    case RelayForm::bare_lines:
      return "POST /v1/traces HTTP/1.1\nHost: relay\nContent-Type: application/x-protobuf\nContent-Length: " +
             std::to_string(body.size()) + "\n\n" + body + hidden(text);
    case RelayForm::zero_octet:
      return post("/v1/traces", body, std::string("X-Hunt: a\0b\r\n", 13)) + hidden(text);
    case RelayForm::trailer:
      return chunked(body, "Authorization: Bearer forged\r\nHost: other\r\n") + hidden(text);
    case RelayForm::forged:
      return post(
          "/v1/traces", body,
          "Authorization: Bearer forged\r\nProxy-Authorization: Basic forged\r\nX-Forwarded-Host: other\r\n"
          "User-Agent: " +
              text + "\r\n");
    case RelayForm::request_in_body:
      return post("/v1/traces", traces("\r\n\r\n" + hidden(text)));
    case RelayForm::request_behind:
      return whole + hidden(text);
  }
  return {};
}

}  // namespace ostiary::hunt
