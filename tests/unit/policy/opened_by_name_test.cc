// Which flows are opened by a name, in TLS or in HTTP.
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "ostiary/policy/policy.h"
#include "variables.h"

using namespace ostiary::policy;

namespace {

Policy policy_of(std::string_view list) {
  return Policy::compile(parse_list(list, "test", variables()).value());
}

std::string_view text(OpenedBy how) {
  constexpr std::array<std::string_view, 4> words{"by address", "in TLS", "in HTTP", "in either"};
  return words.at(static_cast<size_t>(how));
}

// How ports are opened, such as "443 in TLS, 22-79 by address".
std::string opened(std::span<const Grant> grants) {
  std::string written;
  for (const Grant& grant : grants) {
    ostiary::inet::PortSet ports;
    ports.add(grant.ports);
    written += (written.empty() ? "" : ", ") + ports.text() +
               (grant.transport == Transport::udp ? "/udp" : "") + " " + std::string(text(grant.opened_by));
  }
  return written;
}

std::string opened(std::string_view list, std::string_view name = "a.example.com") {
  const Policy policy = policy_of(list);
  return opened(policy.decide(name).grants);
}

}  // namespace

TEST_SUITE("policy/opened_by_name") {
  TEST_CASE(
      "a flow to port 443 or 80 of a name is opened by the name, and one to another port by the address") {
    CHECK(opened("a.example.com") == "443 in TLS");
    CHECK(opened("*.example.com:22,443") == "22 by address, 443 in TLS");
    CHECK(opened("a.example.com:8443") == "8443 by address");
    CHECK(opened("a.example.com:440-445") == "440-442 by address, 443 in TLS, 444-445 by address");
    CHECK(opened("a.example.com:1-443") == "1-79 by address, 80 in HTTP, 81-442 by address, 443 in TLS");
    CHECK(opened("*.example.com:80") == "80 in HTTP");
    CHECK(opened("a.example.com:443-65535") == "443 in TLS, 444-65535 by address");
  }

  TEST_CASE("/tls asks for the name on each port, and /raw on none") {
    CHECK(opened("a.example.com:22,8443/tls") == "22 in TLS, 8443 in TLS");
    CHECK(opened("a.example.com:1-65535/tls") == "1-65535 in TLS");
    CHECK(opened("a.example.com:22,80,443/raw") == "22 by address, 80 by address, 443 by address");
    CHECK(opened("a.example.com:80/tls") == "80 in TLS");
  }

  TEST_CASE("/http asks for the name in each request on each port") {
    CHECK(opened("a.example.com:80,443,8080/http") == "80 in HTTP, 443 in HTTP, 8080 in HTTP");
    CHECK(opened("a.example.com:8080/http,a.example.com:8080/tls") == "8080 in either");
    CHECK(opened("a.example.com:8080/http,*.example.com:8080") == "8080 by address");
    CHECK(opened("a.example.com:80,*.example.com:80/raw") == "80 by address");
  }

  TEST_CASE("a port that one rule opens without the name is open without it") {
    CHECK(opened("a.example.com,*.example.com:443/raw") == "443 by address");
    CHECK(opened("*.example.com,a.example.com:443/raw") == "443 by address");
    CHECK(opened("a.example.com:8443/tls,a.example.com:8443") == "8443 by address");
    CHECK(opened("a.example.com:8000-8010/tls,*.example.com:8005-8007") ==
          "8000-8004 in TLS, 8005-8007 by address, 8008-8010 in TLS");
    // The rule for another name opens nothing here.
    CHECK(opened("*.example.com,b.example.com:443/raw") == "443 in TLS");
    CHECK(opened("*.example.com,b.example.com:443/raw", "b.example.com") == "443 by address");
  }

  TEST_CASE("no flow over UDP, and none to a network of the policy, is opened by a name") {
    CHECK(opened("a.example.com:443/udp") == "443/udp by address");
    CHECK(opened("a.example.com:443/both") == "443 in TLS, 443/udp by address");
    const Policy policy = policy_of("192.0.2.0/24:443,[2001:db8::/32]");
    REQUIRE(policy.static_grants().size() == 2);
    for (const StaticGrant& each : policy.static_grants()) CHECK(opened(each.grants) == "443 by address");
  }

  TEST_CASE("a policy knows whether it asks for a name") {
    CHECK(policy_of("a.example").asks_for_names());
    CHECK(policy_of("192.0.2.1,*.a.example:8443/tls").asks_for_names());
    CHECK(policy_of("a.example:80").asks_for_names());
    for (const char* list :
         {"", "192.0.2.1", "a.example:22", "a.example:443/raw,a.example:443", "a.example:443/udp"})
      CHECK_MESSAGE(!policy_of(list).asks_for_names(), list);
  }

  TEST_CASE("a policy knows the ports of a rule that every rule opens by the name") {
    const auto ports = [](std::string_view list) {
      const auto rules = parse_list(list, "test", variables()).value();
      return Policy::compile(rules).ports_opened_by(OpenedBy::tls_name, rules[0]).text();
    };
    CHECK(ports("a.example.com:22,443") == "443");
    CHECK(ports("*.example.com:8000-8009/tls") == "8000-8009");
    CHECK(ports("*.example.com:8000-8009/tls,*.example.com:8004-8005") == "8000-8003,8006-8009");
    CHECK(ports("a.example.com:443,*.example.com:443/raw").empty());
    CHECK(ports("*.example.com:443,a.example.com:443/raw") == "443");
    CHECK(ports("a.example.com:443/both,a.example.com:443/udp") == "443");
    CHECK(ports("192.0.2.1:443").empty());
    CHECK(ports("a.example.com:80").empty());
  }

  TEST_CASE("a policy knows on which ports flows are read as HTTP") {
    const Policy policy = policy_of("a.example,*.b.example:8080/http,c.example:80,d.example:81/raw");
    CHECK(policy.asks_for_requests(80));
    CHECK(policy.asks_for_requests(8080));
    for (const int port : {81, 443, 8443}) CHECK_FALSE(policy.asks_for_requests(static_cast<uint16_t>(port)));
    CHECK_FALSE(policy_of("a.example:80,a.example:80/raw").asks_for_requests(80));
    const auto rules = parse_list("a.example:80,8080/http", "test", variables()).value();
    CHECK(Policy::compile(rules).ports_opened_by(OpenedBy::http_name, rules[0]).text() == "80,8080");
    CHECK(Policy::compile(rules).ports_opened_by(OpenedBy::tls_name, rules[0]).empty());
  }

  TEST_CASE("private addresses and names in TLS belong to ports of their own") {
    std::vector<Rule> rules =
        parse_list("a.example:80-443,a.example:440-500/tls", "test", variables()).value();
    rules[0].answers = Answers::private_too;
    const Policy policy = Policy::compile(rules);
    std::string written;
    for (const Grant& grant : policy.decide("a.example").grants)
      written += std::to_string(grant.ports.first) + "-" + std::to_string(grant.ports.last) +
                 (grant.answers == Answers::private_too ? "!" : "") +
                 (grant.opened_by == OpenedBy::tls_name ? "t " : " ");
    CHECK(written == "80-80! 81-442! 443-443!t 444-500t ");
  }
}
