#include "ostiary/inet/url.h"

#include <doctest/doctest.h>

using namespace ostiary::inet;

TEST_SUITE("inet/url") {
  TEST_CASE("reads host and port, or the scheme's default port") {
    CHECK(text(Url::parse("https://api.example.com")->destination) == "api.example.com:443");
    CHECK(text(Url::parse("HTTP://Gateway:4000/v1?a=b")->destination) == "gateway:4000");
    CHECK(text(Url::parse("http://192.0.2.1/")->destination) == "192.0.2.1:80");
    CHECK(text(Url::parse("https://[2001:db8::1]:8443")->destination) == "[2001:db8::1]:8443");
    CHECK(text(Url::parse("https://[2001:db8::1]")->destination) == "[2001:db8::1]:443");
    CHECK(Url::parse("https://a.example/otlp/")->path == "/otlp/");
    CHECK(Url::parse("https://a.example")->path.empty());
  }

  TEST_CASE("refuses anything but a plain web URL, without repeating it") {
    for (const char* url : {"",
                            "hunter2",
                            "hunter2.example:443",
                            "://hunter2",
                            "ftp://hunter2",
                            "https:/hunter2",
                            "https://",
                            "https:///hunter2",
                            "https://user:hunter2@a.example",
                            "https://hunter2@a.example",
                            "https://a.example/#hunter2",
                            "https://a.example/ hunter2",
                            "https://a.example/\x01hunter2",
                            "https://\xc3\xbchunter2.example",
                            "https://a.example:0/hunter2",
                            "https://a.example:70000/hunter2",
                            "https://a.example:/hunter2",
                            "https://a.example:443x/hunter2",
                            "https://[2001:db8::1/hunter2",
                            "https://[hunter2.example]",
                            "https://[192.0.2.1]/hunter2",
                            "https://2001:db8::1/hunter2",
                            "https://[2001:db8::1]hunter2",
                            "https://a_hunter2!.example",
                            "https://127.1/hunter2",
                            "https://a.example\\@hunter2"}) {
      const auto read = Url::parse(url);
      REQUIRE_MESSAGE(!read, url);
      CHECK_MESSAGE(!read.error().message.contains("hunter2"), read.error().message);
    }
    CHECK_FALSE(Url::parse("https://" + std::string(254, 'a')));
    CHECK_FALSE(Url::parse("https://a.example/" + std::string(3000, 'a')));
  }
}
