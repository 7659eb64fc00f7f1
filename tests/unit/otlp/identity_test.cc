#include "ostiary/otlp/identity.h"

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

const std::vector<Attribute> ours{{"service.name", "claude-code"}, {"team", "blue"}};
const std::string our_attributes = attribute("service.name", "claude-code") + attribute("team", "blue");

std::string applied(std::string_view request) {
  const auto rewritten = Identity(ours).applied_to(request);
  REQUIRE(rewritten.has_value());
  return *rewritten;
}

bool is_malformed(std::string_view request) {
  return !Identity(ours).applied_to(request).has_value();
}

}  // namespace

TEST_SUITE("otlp/identity") {
  TEST_CASE("a resource keeps its own attributes and gets ours") {
    CHECK(applied(block(attribute("host.name", "a"))) == block(attribute("host.name", "a") + our_attributes));
    CHECK(applied(block("")) == block(our_attributes));
    CHECK(applied(field(1, field(2, "scope"))) == block(our_attributes));
  }

  TEST_CASE("an attribute of the sender with one of our keys is removed, wherever it stands") {
    for (const char* key :
         {"service.name", "team", "service_name", "Service.Name", "service-name", "TEAM", "service..name",
          "service\xc2\xb7name", "service.\xe2\x80\x8bname", "service\xff.name"})
      CHECK_MESSAGE(applied(block(attribute(key, "forged") + attribute("a", "b") +
                                  attribute(key, "again"))) == block(attribute("a", "b") + our_attributes),
                    key);
    for (const char* key : {"service.names", "xservice.name", "", "servicename", "team."})
      CHECK_MESSAGE(applied(block(attribute(key, "own"))) == block(attribute(key, "own") + our_attributes),
                    key);
  }

  TEST_CASE("a key that stands twice in an attribute counts as readers take it: the last") {
    const std::string forged = field(1, field(1, "a") + field(2, field(1, "x")) + field(1, "team"));
    CHECK(applied(block(forged)) == block(our_attributes));
    const std::string own = field(1, field(1, "team") + field(1, "a"));
    CHECK(applied(block(own)) == block(field(1, field(1, "a")) + our_attributes));
  }

  TEST_CASE("an attribute is written anew, with one key and one value") {
    const std::string own =
        field(1, field(7, "unknown") + field(2, field(1, "x")) + field(1, "a") + field(2, field(1, "y")));
    CHECK(applied(block(own)) == block(attribute("a", "y") + our_attributes));
  }

  TEST_CASE("a field whose number has over 32 bits is malformed: readers disagree about it") {
    // The key of field 1 with bit 32 set, and a text.
    const std::string wide = std::string("\x8a\x80\x80\x80\x10", 5) + std::string("\x08harmless", 9);
    CHECK(is_malformed(block(field(1, field(1, "service.name") + wide + field(2, field(1, "forged"))))));
    CHECK(is_malformed(block(wide)));
    CHECK(is_malformed(wide));
    CHECK_FALSE(is_malformed(block("", wide)));  // below what is read
  }

  TEST_CASE("several resources in a block are one, as readers merge them") {
    const std::string two = field(1, field(1, attribute("a", "1")) + field(2, "scope") +
                                         field(1, attribute("team", "forged") + attribute("b", "2")));
    CHECK(applied(two) == block(attribute("a", "1") + attribute("b", "2") + our_attributes));
  }

  TEST_CASE("each block of a request gets our attributes") {
    CHECK(applied(block(attribute("team", "x"), "one") + block(attribute("a", "b"), "two")) ==
          block(our_attributes, "one") + block(attribute("a", "b") + our_attributes, "two"));
  }

  TEST_CASE("scopes, the schema's URL and the count of dropped attributes stay") {
    const std::string resource = attribute("a", "b") + number_field(2, 300);
    const std::string request =
        field(1, field(1, resource) + field(2, "one") + field(2, "two") + field(3, "url"));
    CHECK(applied(request) == field(1, field(1, resource + our_attributes) + field(2, "one") +
                                           field(2, "two") + field(3, "url")));
  }

  TEST_CASE("unknown fields around a resource are removed") {
    const std::string request = number_field(7, 1) +
                                field(1, field(1, attribute("a", "b") + field(3, "entity")) +
                                             field(2, "scope") + field(1000, "old") + number_field(9, 2)) +
                                field(2, "second");
    CHECK(applied(request) == block(attribute("a", "b") + our_attributes));
  }

  TEST_CASE("a block that describes nothing is removed") {
    CHECK(applied(field(1, "")) == "");
    CHECK(applied(field(1, field(1, attribute("a", "b")))) == "");
    CHECK(applied("") == "");
  }

  TEST_CASE("a message that is cut, or has a field of another type, is malformed") {
    const std::string whole = block(attribute("a", "b"));
    // The last field may end anywhere; a cut of whole fields is a message.
    for (size_t size = 1; size < whole.size(); ++size) CHECK(is_malformed(whole.substr(0, size)));
    CHECK(is_malformed(number_field(1, 5)));
    CHECK(is_malformed(field(1, number_field(1, 5) + field(2, "scope"))));
    CHECK(is_malformed(field(1, number_field(2, 5))));
    CHECK(is_malformed(block(number_field(1, 5))));
    CHECK(is_malformed(block(field(1, number_field(1, 5)))));
    CHECK(is_malformed(block(field(2, "text"))));
    CHECK(is_malformed(std::string("\x0b\x0c", 2)));  // a group
    CHECK(is_malformed(std::string("\x02\x00", 2)));  // field 0
    CHECK(is_malformed(std::string(11, '\xff')));
  }

  TEST_CASE("a request has at most so many resources that ours do not multiply without limit") {
    std::string most;
    for (size_t i = 0; i < limits::resources; ++i) most += block("");
    CHECK_FALSE(is_malformed(most));
    CHECK(is_malformed(most + block("")));
  }

  TEST_CASE("without attributes nothing is removed") {
    const std::string request = block(attribute("service.name", "a"));
    CHECK(Identity({}).applied_to(request).value() == request);
  }
}
