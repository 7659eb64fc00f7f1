#include "ostiary/config/environment.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ostiary::config;

TEST_SUITE("config/environment") {
  TEST_CASE("returns a variable's value with any content") {
    const Environment environment({"A=1", "AB=2", "EMPTY=", "EQUALS=a=b=", "LINES=a\nb", "PLAIN"});
    CHECK(environment.get("A") == "1");
    CHECK(environment.get("AB") == "2");
    CHECK(environment.get("EQUALS") == "a=b=");
    CHECK(environment.get("LINES") == "a\nb");
    for (const char* unset : {"EMPTY", "PLAIN", "B", "", "a"})
      CHECK_MESSAGE(environment.get(unset).empty(), unset);
  }

  TEST_CASE("the first of two variables with the same name counts, as in a shell") {
    CHECK(Environment({"A=1", "A=2"}).get("A") == "1");
  }

  TEST_CASE("copies the process's environment byte for byte and in its order") {
    const char* const environ[] = {"B=\xff", "A=", "PLAIN", "B=2", nullptr};
    const Environment environment = Environment::copy_of(environ);
    const std::vector<std::string> entries(environment.entries().begin(), environment.entries().end());
    CHECK(entries == std::vector<std::string>{"B=\xff", "A=", "PLAIN", "B=2"});
  }

  TEST_CASE("a variable that is set is at the end and replaces all of that name") {
    Environment environment({"A=1", "AB=2", "A=3", "PLAIN", ""});
    environment.set("A", "x=y");
    const std::vector<std::string> entries(environment.entries().begin(), environment.entries().end());
    CHECK(entries == std::vector<std::string>{"AB=2", "PLAIN", "", "A=x=y"});
  }

  TEST_CASE("removing variables keeps the others in their order") {
    const Environment environment({"B=1", "A=2", "PLAIN", "C=3"});
    const Environment rest = environment.without([](std::string_view name) { return name == "A"; });
    const std::vector<std::string> entries(rest.entries().begin(), rest.entries().end());
    CHECK(entries == std::vector<std::string>{"B=1", "PLAIN", "C=3"});
  }

  TEST_CASE("wipes the values in place and leaves the names") {
    std::string secret = "TOKEN=hunter2=x";
    std::string empty = "EMPTY=";
    std::string plain = "PLAIN";
    char* environ[] = {secret.data(), empty.data(), plain.data(), nullptr};
    wipe_values(environ);
    CHECK(secret == std::string("TOKEN=") + std::string(9, '\0'));
    CHECK(empty == "EMPTY=");
    CHECK(plain == "PLAIN");
  }

  TEST_CASE("returns the name of an entry") {
    CHECK(name_of("A=b=c") == "A");
    CHECK(name_of("A") == "A");
    CHECK(name_of("=b").empty());
  }
}
