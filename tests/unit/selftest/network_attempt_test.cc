#include "selftest/network_attempt.h"

#include <vector>

#include <doctest/doctest.h>

#include "ostiary/dns/answer.h"
#include "ostiary/dns/query.h"

using namespace ostiary;
using namespace ostiary::selftest;

namespace {

using Message = std::vector<uint8_t>;

dns::Envelope envelope_of(const Message& question) {
  return std::get<dns::Query>(dns::read_query(question)).envelope;
}

Message empty_answer(const Message& question, dns::Rcode rcode) {
  Message room(512);
  room.resize(dns::write_empty(room, envelope_of(question), rcode));
  return room;
}

}  // namespace

TEST_SUITE("selftest/network_attempt") {
  TEST_CASE("the question is valid, its name does not exist, and it is different each time") {
    const auto first = UnlistedName::make();
    const auto second = UnlistedName::make();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->question.name != second->question.name);
    const Message message = query(*first);
    const auto reading = dns::read_query(message);
    REQUIRE(std::holds_alternative<dns::Query>(reading));
    CHECK(std::get<dns::Query>(reading).name.text().ends_with(".ostiary-self-test.invalid"));
  }

  TEST_CASE("only NXDOMAIN and REFUSED count as a denial") {
    const auto name = UnlistedName::make();
    REQUIRE(name);
    const Message question = query(*name);
    using enum dns::Rcode;
    for (const dns::Rcode rcode : {no_such_name, refused})
      CHECK(judge(empty_answer(question, rcode), *name).outcome == Outcome::held);
    for (const dns::Rcode rcode : {no_error, server_failure, format_error, not_implemented})
      CHECK(judge(empty_answer(question, rcode), *name).outcome == Outcome::escaped);

    Message address(512);
    const inet::IpAddress found = inet::IpAddress::v4({192, 0, 2, 7});
    address.resize(
        dns::write_addresses(address, envelope_of(question), std::span(&found, 1), std::chrono::seconds(60)));
    const Finding finding = judge(address, *name);
    CHECK(finding.outcome == Outcome::escaped);
    CHECK(finding.detail.contains("192.0.2.7"));
  }

  TEST_CASE("an answer to another question, or none at all, is no denial") {
    const auto name = UnlistedName::make();
    const auto other = UnlistedName::make();
    REQUIRE(name);
    REQUIRE(other);
    Message answer = empty_answer(query(*other), dns::Rcode::no_such_name);
    CHECK(judge(answer, *name).outcome == Outcome::escaped);
    answer = empty_answer(query(*name), dns::Rcode::no_such_name);
    answer[0] ^= 1;
    CHECK(judge(answer, *name).outcome == Outcome::escaped);
    answer[0] ^= 1;
    for (size_t size = 0; size < answer.size(); ++size)
      CHECK(judge(std::span(answer).first(size), *name).outcome == Outcome::escaped);
    CHECK(judge(query(*name), *name).outcome == Outcome::escaped);
  }
}
