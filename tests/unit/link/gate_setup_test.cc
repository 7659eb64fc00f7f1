#include "ostiary/link/gate_setup.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using ostiary::gate::parse_setup;
using ostiary::gate::render_setup;
using ostiary::gate::Setup;
using Json = nlohmann::json;

namespace {

Json written() {
  const auto host = ostiary::inet::HostName::parse("a.example").value();
  Setup setup;
  setup.rules.push_back({.subject = host, .tls = ostiary::policy::Named::nowhere, .reason = "a test"});
  setup.name_queue = 5353;
  setup.encrypted_hello = ostiary::tls::EncryptedHello::ignored;
  setup.terms.hold = std::chrono::seconds(60);
  setup.audit_bound = ostiary::audit::FileBound::of_file(uint64_t{16} << 30U);
  return Json::parse(render_setup(setup));
}

}  // namespace

TEST_SUITE("link/gate_setup") {
  TEST_CASE("a setup is read as it was written") {
    const auto setup = parse_setup(written().dump());
    REQUIRE(setup);
    REQUIRE(setup->rules.size() == 1);
    CHECK(text(setup->rules[0].subject) == "a.example");
    CHECK(setup->rules[0].protocol == ostiary::policy::Protocol::tcp);
    CHECK(setup->rules[0].tls == ostiary::policy::Named::nowhere);
    CHECK(setup->name_queue == 5353);
    CHECK(setup->encrypted_hello == ostiary::tls::EncryptedHello::ignored);
    CHECK(setup->terms.hold == std::chrono::seconds(60));
    CHECK(setup->audit_bound.octets() == uint64_t{16} << 30U);
  }

  TEST_CASE("a setup may have no queue") {
    const auto setup = parse_setup(render_setup({}));
    REQUIRE(setup);
    CHECK_FALSE(setup->name_queue);
    CHECK(setup->encrypted_hello == ostiary::tls::EncryptedHello::refused);
  }

  TEST_CASE("a number without a meaning is refused") {
    for (const char* field : {"/rules/0/protocol", "/rules/0/answers", "/rules/0/tls", "/rules/0/need",
                              "/ipv4", "/ipv6", "/initial_sets", "/encrypted_hello"})
      for (const Json& wrong : {Json(4), Json(257), Json(-1), Json(0.5), Json("1"), Json()}) {
        Json json = written();
        json[Json::json_pointer(field)] = wrong;
        CHECK_MESSAGE(!parse_setup(json.dump()), field);
      }
    Json json = written();
    json["rules"][0]["protocol"] = 0;
    CHECK_FALSE(parse_setup(json.dump()));
  }

  TEST_CASE("a queue out of its bounds is refused, or one that is missing") {
    for (const Json& wrong : {Json(65536), Json(-1), Json(1.5), Json("1")}) {
      Json json = written();
      json["name_queue"] = wrong;
      CHECK_FALSE(parse_setup(json.dump()));
    }
    Json json = written();
    json.erase("name_queue");
    CHECK_FALSE(parse_setup(json.dump()));
  }

  TEST_CASE("a number out of its bounds is refused") {
    for (const char* field : {"hold", "resolve_timeout", "mark", "log_group"})
      for (const Json& wrong :
           {Json(1e40), Json(1.5), Json(-1), Json(uint64_t{1} << 32U), Json("1"), Json()}) {
        Json json = written();
        json[field] = wrong;
        CHECK_MESSAGE(!parse_setup(json.dump()), field);
      }
  }
}
