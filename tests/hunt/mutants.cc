#include "mutants.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mutant_key.h"

namespace ostiary::hunt {
namespace {

using Json = nlohmann::json;

// Priorities that other tables commonly use. A mutant moves a chain across one of them. The other
// hooks have none: in prerouting the chain checks source and interface, which other tables do not
// change there; at input and forward, tracking and redirects are already done.
struct Landmark {
  const char* hook;
  int priority;
};
constexpr Landmark landmarks[] = {
    {"output", 200},        // where this table decides
    {"output", -300},       // where other tables exempt packets from tracking
    {"output", -200},       // connection tracking
    {"output", -100},       // where other tables change destinations, such as Docker's
    {"postrouting", 100}};  // where other tables change sources
constexpr int step = 5;

bool is_chain(const Json& command, const char* name) {
  return command.contains("add") && command["add"].contains("chain") &&
         command["add"]["chain"]["name"] == name;
}

class Maker {
 public:
  explicit Maker(const Json& commands)
      : has_direct_(
            std::ranges::any_of(commands, [](const Json& each) { return is_chain(each, "direct"); })) {
    for (size_t index = 0; index < commands.size(); ++index) {
      const Json& command = commands[index];
      if (!command.contains("add")) continue;
      index_ = index;
      dump_ = command.dump();
      times_ = seen_[dump_]++;
      const Json& object = command["add"];
      if (object.contains("rule")) of_rule(command, object["rule"]);
      if (object.contains("chain") && object["chain"].contains("hook")) of_chain(command, object["chain"]);
      if (object.contains("set")) of_set(command, object["set"]);
      if (object.contains("element"))
        make("set " + object["element"]["name"].get<std::string>(), "without its elements", std::nullopt);
    }
  }

  std::vector<Mutant> made;

 private:
  // The description contains the position, such as a rule's number; the key does not, since it
  // depends on other commands.
  void make(const std::string& place, const std::string& change, std::optional<Json> replacement) {
    made.push_back({key_of(dump_ + std::to_string(times_) + change), place + ": " + change, index_,
                    std::move(replacement)});
  }

  void of_rule(const Json& command, const Json& rule) {
    const std::string number = std::to_string(++numbers_[rule["chain"]]);
    const std::string name = rule["chain"].get<std::string>() + " rule " + number;
    make(name, "gone: " + rule["expr"].dump(), std::nullopt);
    for (size_t at = 0; at < rule["expr"].size(); ++at) {
      const Json& statement = rule["expr"][at];
      const bool is_match = statement.contains("match");
      const bool is_verdict = !is_match && at + 1 == rule["expr"].size();
      if (is_verdict) continue;  // the same as removing the rule
      if (statement.contains("counter")) continue;
      if (is_match && only_saves_work(rule, statement)) continue;
      Json changed = command;
      changed["add"]["rule"]["expr"].erase(at);
      make(name, "without " + statement.dump(), changed);
      if (is_match) of_values(command, name, at, statement["match"]["right"]);
    }
  }

  // A second route lookup gives the same route for loopback addresses. But packets that `direct`
  // accepts would keep an inverted mark.
  bool only_saves_work(const Json& rule, const Json& statement) const {
    const Json& right = statement["match"]["right"];
    return !has_direct_ && rule["chain"] == "invert" &&
           (right == "::1" || (right.contains("prefix") && right["prefix"]["addr"] == "127.0.0.0"));
  }

  // One value of several: a weaker match if the rule denies, a narrower one if it accepts.
  void of_values(const Json& command, const std::string& name, size_t at, const Json& right) {
    if (!right.is_object() || !right.contains("set") || right["set"].size() < 2) return;
    for (size_t value = 0; value < right["set"].size(); ++value) {
      Json changed = command;
      changed["add"]["rule"]["expr"][at]["match"]["right"]["set"].erase(value);
      make(name, "without the value " + right["set"][value].dump() + " of " + right.dump(), changed);
    }
  }

  void of_chain(const Json& command, const Json& chain) {
    const std::string name = "chain " + chain["name"].get<std::string>();
    const auto with = [&](const char* key, const Json& value) {
      Json changed = command;
      changed["add"]["chain"][key] = value;
      make(name, std::string(key) + " " + value.dump() + " instead of " + chain[key].dump(), changed);
    };
    with("policy", chain["policy"] == "drop" ? "accept" : "drop");
    const std::string hook = chain["hook"];
    const int priority = chain["prio"];
    for (const Landmark& each : landmarks)
      if (hook == each.hook)
        with("prio", priority > each.priority ? each.priority - step : each.priority + step);
    with("hook", hook == "output" ? "postrouting" : hook == "input" ? "prerouting" : "output");
  }

  void of_set(const Json& command, const Json& set) {
    const std::string name = "set " + set["name"].get<std::string>();
    for (size_t flag = 0; set.contains("flags") && flag < set["flags"].size(); ++flag) {
      Json changed = command;
      changed["add"]["set"]["flags"].erase(flag);
      if (changed["add"]["set"]["flags"].empty()) changed["add"]["set"].erase("flags");
      make(name, "without the flag " + set["flags"][flag].dump(), changed);
    }
    if (set.contains("size")) {
      Json changed = command;
      changed["add"]["set"]["size"] = 1;
      make(name, "of one element", changed);
    }
  }

  bool has_direct_;
  size_t index_ = 0;
  size_t times_ = 0;
  std::string dump_;
  std::map<std::string, size_t> seen_;
  std::map<std::string, size_t> numbers_;
};

}  // namespace

std::vector<Mutant> mutants(const Json& commands) {
  return Maker(commands).made;
}

Json apply(const Json& commands, const Mutant& mutant) {
  Json out = Json::array();
  for (size_t index = 0; index < commands.size(); ++index) {
    if (index != mutant.command)
      out.push_back(commands[index]);
    else if (mutant.replacement)
      out.push_back(*mutant.replacement);
  }
  return out;
}

}  // namespace ostiary::hunt
