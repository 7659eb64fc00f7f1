// docs/audit.md describes every event, field and value, and its examples are what ostiary writes.

#include <set>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "ostiary/base/read_file.h"
#include "samples.h"

using namespace ostiary::audit;
using namespace ostiary::audit::testing;

namespace {

std::string document() {
  const auto text = ostiary::read_file(SOURCE_ROOT "/docs/audit.md", 1U << 20U);
  REQUIRE(text);
  return *text;
}

// The text below the heading, up to the next heading.
std::string section(const std::string& text, const std::string& heading) {
  const std::string title = "\n## " + heading + "\n";
  const size_t begin = text.find(title);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find("\n## ", begin + title.size()) - begin);
}

}  // namespace

TEST_SUITE("audit/document") {
  TEST_CASE("every kind of event has a sample") {
    std::set<size_t> kinds;
    for (const Event& event : samples()) kinds.insert(event.index());
    CHECK(kinds.size() == std::variant_size_v<Event>);
  }

  TEST_CASE("every event has a heading, every field a row in its order, every sample an example") {
    const std::string text = document();
    const std::string common = section(text, "Every line");
    for (const Event& event : samples()) {
      const std::string line = line_of(event);
      const auto fields = nlohmann::ordered_json::parse(line);
      const std::string below = section(text, "`" + fields["event"].get<std::string>() + "`");
      CHECK_MESSAGE(below.contains("```json\n" + line + "```\n"), line);
      // A deny has one table per kind: search from the start of this kind's table.
      size_t row = below.find(
          fields.contains("kind") ? "| `kind` | `" + fields["kind"].get<std::string>() + "`" : "|");
      for (const auto& [field, value] : fields.items()) {
        if (field == "time" || field == "event") {
          CHECK(common.contains("| `" + field + "` |"));
          continue;
        }
        row = below.find("| `" + field + "` |", row);
        CHECK_MESSAGE(row != std::string::npos, field, " in ", line);
      }
    }
  }

  TEST_CASE("every value of a field is documented") {
    const std::string text = document();
    for (const DenyReason why : deny_reasons)
      CHECK(text.contains("`" + std::string(ostiary::audit::text(why)) + "`: "));
    for (const auto outcome : {Probe::Outcome::held, Probe::Outcome::got_out, Probe::Outcome::not_tried}) {
      const auto said = nlohmann::json::parse(line_of(Probe{"x", outcome, {}}))["outcome"].get<std::string>();
      CHECK(text.contains("`" + said + "`: "));
    }
    for (const auto response : {Tampering::Response::repaired, Tampering::Response::agent_ended}) {
      const auto said =
          nlohmann::json::parse(line_of(Tampering{"x", 0, {}, response}))["response"].get<std::string>();
      CHECK(section(text, "`tampering`").contains("`" + said + "`"));
    }
  }

  TEST_CASE("the documented limits are the real ones") {
    const std::string text = document();
    for (const size_t limit :
         {limits::line_octets, limits::text_octets, limits::fold_passed, limits::fold_entries})
      CHECK_MESSAGE(text.contains(" " + std::to_string(limit) + " "), limit);
  }
}
