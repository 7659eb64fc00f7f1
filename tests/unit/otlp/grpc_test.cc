#include "ostiary/otlp/grpc.h"

#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "messages.h"
#include "ostiary/base/encoding.h"

using namespace ostiary;
using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

std::string base64(std::string_view octets) {
  std::string text;
  append_base64(text, octets);
  return text;
}

std::string status_detail(std::string_view type, std::string_view value) {
  return field(3, field(1, type) + field(2, value));
}

std::string retry_info(uint64_t seconds, uint64_t nanoseconds = 0) {
  return status_detail("type.googleapis.com/google.rpc.RetryInfo",
                       field(1, number_field(1, seconds) + number_field(2, nanoseconds)));
}

std::optional<std::chrono::seconds> delay(std::string_view details) {
  return grpc_status("14", base64(details)).value().retry_after;
}

}  // namespace

TEST_SUITE("otlp/grpc") {
  TEST_CASE("a message has a prefix with its length") {
    const auto prefix = grpc_prefix(Compression::none, 0x01020304);
    CHECK(std::string_view(prefix.data(), prefix.size()) == "\0\1\2\3\4"sv);
    CHECK(grpc_prefix(Compression::applied, 0).front() == '\1');
    CHECK(grpc_message("\0\0\0\0\3abc"sv) == "abc"sv);
    CHECK(grpc_message("\0\0\0\0\0"sv) == ""sv);
    CHECK(grpc_message("\0\0\0\0\1abc"sv) == "a"sv);
  }

  TEST_CASE("a message that is cut, compressed or longer than its stream is none") {
    const std::string_view whole = "\0\0\0\0\3abc"sv;
    for (size_t octets = 0; octets < whole.size(); ++octets)
      CHECK_FALSE(grpc_message(whole.substr(0, octets)).has_value());
    CHECK_FALSE(grpc_message("\1\0\0\0\3abc"sv).has_value());
    CHECK_FALSE(grpc_message("\0\xff\xff\xff\xff"
                             "abc"sv)
                    .has_value());
  }

  TEST_CASE("the status says whether the request may be repeated") {
    const auto outcome = [](std::string_view status) { return grpc_status(status, "").value().outcome; };
    CHECK(outcome("0") == Outcome::delivered);
    for (const char* status : {"1", "4", "10", "11", "14", "15"})
      CHECK_MESSAGE(outcome(status) == Outcome::delayed, status);
    for (const char* status : {"2", "3", "5", "6", "7", "8", "9", "12", "13", "16", "17", "4294967295"})
      CHECK_MESSAGE(outcome(status) == Outcome::refused, status);
    CHECK(grpc_status("16", "").value().name == "UNAUTHENTICATED");
    CHECK(grpc_status("99", "").value().name == "UNKNOWN");
    for (const char* status : {"", "-1", "0x0", "OK", "4294967296", " 0"})
      CHECK_FALSE_MESSAGE(grpc_status(status, "").has_value(), status);
  }

  TEST_CASE("a collector that is exhausted is asked again only if it says when") {
    CHECK(grpc_status("8", "").value().outcome == Outcome::refused);
    CHECK(grpc_status("8", base64(status_detail("type.googleapis.com/google.rpc.ErrorInfo", "")))
              .value()
              .outcome == Outcome::refused);
    const GrpcStatus status = grpc_status("8", base64(retry_info(7))).value();
    CHECK(status.outcome == Outcome::delayed);
    CHECK(status.retry_after == 7s);
    CHECK(grpc_status("16", base64(retry_info(7))).value().outcome == Outcome::refused);
  }

  TEST_CASE("a delay is rounded up and bounded, and a negative one is none") {
    CHECK(delay(number_field(1, 14) + field(2, "busy") + retry_info(5, 1)) == 6s);
    CHECK(delay(status_detail("x/google.rpc.Help", "") + retry_info(3)) == 3s);
    CHECK(delay(retry_info(std::numeric_limits<int64_t>::max(), 1)) == 24h);
    CHECK(delay(retry_info(std::numeric_limits<uint64_t>::max())) == 0s);
    CHECK(delay(status_detail("x/google.rpc.RetryInfo", "")) == 0s);
    std::string without_padding = base64(retry_info(3));
    without_padding.erase(without_padding.find_last_not_of('=') + 1);
    CHECK(grpc_status("14", without_padding).value().retry_after == 3s);
  }

  TEST_CASE("details that are cut or malformed say nothing") {
    const std::string whole = retry_info(300, 1);
    for (size_t octets = 0; octets < whole.size(); ++octets)
      CHECK_FALSE_MESSAGE(delay(whole.substr(0, octets)).has_value(), octets);
    for (const char* details : {"!", "A", "AAAAA", "A===", "=", "AA=A", "AA A"})
      CHECK_FALSE_MESSAGE(grpc_status("14", details).value().retry_after.has_value(), details);
    CHECK_FALSE(delay(number_field(3, 1)).has_value());
    CHECK_FALSE(delay(status_detail("x/google.rpc.RetryInfo", number_field(1, 5))).has_value());
    CHECK_FALSE(delay(status_detail("x/google.rpc.RetryInfo", field(1, field(1, "5")))).has_value());
  }
}
