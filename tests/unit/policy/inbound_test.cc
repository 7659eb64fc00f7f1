#include <string>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"

using namespace ostiary::policy;

namespace {

std::string inbound(std::string_view text) {
  const auto rules = parse_inbound(text, "--allow-inbound");
  if (!rules) return rules.error().message;
  std::string written;
  for (const Rule& rule : *rules) written += (written.empty() ? "" : " ") + ostiary::policy::text(rule);
  return written;
}

}  // namespace

TEST_SUITE("policy/inbound") {
  TEST_CASE("a port alone is open to every network, over TCP unless the entry names another protocol") {
    CHECK(inbound("8080") == "0.0.0.0/0:8080/tcp [::/0]:8080/tcp");
    CHECK(inbound("8080/tcp") == inbound("8080"));
    CHECK(inbound("5353/udp") == "0.0.0.0/0:5353/udp [::/0]:5353/udp");
    CHECK(inbound("53/both") == "0.0.0.0/0:53/both [::/0]:53/both");
  }

  TEST_CASE("a port may be a range, and a protocol in capitals") {
    CHECK(inbound("8000-8099/UDP") == "0.0.0.0/0:8000-8099/udp [::/0]:8000-8099/udp");
    CHECK(inbound("10.0.0.0/8:22-25") == "10.0.0.0/8:22-25/tcp");
  }

  TEST_CASE("the error for every network, or for Docker's form, says what to write instead") {
    for (const char* text : {"*:22", "0.0.0.0/0:22", "[::/0]:22", "0.0.0.0:22"})
      CHECK(inbound(text) ==
            "\"" + std::string(text) + "\" names every network: write 22 alone to open it to all");
    for (const char* text : {"3000:22", "127.0.0.1:3000:22"})
      CHECK(inbound(text) ==
            "\"" + std::string(text) +
                "\" is Docker's HOST:CONTAINER; a port here is the container's own: write 22");
  }

  TEST_CASE("a port after a network is open to that network only") {
    CHECK(inbound("[fdaa::/16]:22") == "[fdaa::/16]:22/tcp");
    CHECK(inbound("10.0.0.0/8:3000/tcp") == "10.0.0.0/8:3000/tcp");
    CHECK(inbound("10.0.0.0/8:3000/udp") == "10.0.0.0/8:3000/udp");
    CHECK(inbound("[fdaa::/16]:22/both") == "[fdaa::/16]:22/both");
    CHECK(inbound("192.0.2.1:22/udp") == "192.0.2.1:22/udp");
  }

  TEST_CASE("entries are separated by commas, each with its own protocol") {
    CHECK(inbound("22,5353/udp,10.0.0.0/8:80") ==
          "0.0.0.0/0:22/tcp [::/0]:22/tcp 0.0.0.0/0:5353/udp [::/0]:5353/udp 10.0.0.0/8:80/tcp");
  }

  TEST_CASE("a port after an entry with a network is refused, with and without a protocol") {
    for (const char* text : {"[fdaa::/16]:22,2222", "[fdaa::/16]:22/udp,2222", "[fdaa::/16]:22,2222/udp"})
      CHECK_MESSAGE(inbound(text).contains("follows an entry with a network"), text);
  }

  TEST_CASE("says what is wrong with an entry and what to write instead") {
    CHECK(inbound("22/sctp") ==
          "\"22/sctp\" has a protocol that is not tcp, udp or both: write it like \"22\", \"8000-8099\", "
          "\"5353/udp\", "
          "\"10.1.0.0/16:22\" or \"[fdaa::/16]:22/tcp\"");
    for (const char* text : {"22/", "22/udp/tcp", "/udp", "ssh", "0", "0/udp", "65536/udp", "25-22/udp",
                             "-22", "10.0.0.0/8", "10.0.0.0/8/udp", "10.0.0.0/8:/udp", "10.0.0.0/8:22/",
                             "example.com:22/udp", "[fdaa::/16]", "[fdaa::/16]:22/24", "10.0.0.0/8:22/24"})
      CHECK_MESSAGE(!parse_inbound(text, "--allow-inbound"), text);
  }
}
