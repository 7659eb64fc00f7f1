#include "ostiary/gate/setup.h"

#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

namespace ostiary::gate {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

Json rule_json(const policy::Rule& rule) {
  return {{"subject", text(rule.subject)}, {"ports", rule.ports.text()}, {"protocol", rule.protocol},
          {"answers", rule.answers},       {"types", rule.types.text()}, {"need", rule.need},
          {"reason", rule.reason}};
}

Result<uint64_t> number(const Json& json, uint64_t last, uint64_t first = 0) {
  if (!json.is_number_unsigned() || json.get<uint64_t>() < first || json.get<uint64_t>() > last)
    return fail(Exit::unavailable, "the gate's setup: a number is out of bounds");
  return json.get<uint64_t>();
}

template <typename Enum>
Result<Enum> enumerator(const Json& json, Enum last, Enum first = Enum{}) {
  return static_cast<Enum>(TRY(number(json, std::to_underlying(last), std::to_underlying(first))));
}

template <typename Unsigned>
Result<Unsigned> whole(const Json& json) {
  return static_cast<Unsigned>(TRY(number(json, std::numeric_limits<Unsigned>::max())));
}

Result<policy::Subject> parse_subject(std::string_view text) {
  if (text.starts_with("*.")) {
    auto suffix = TRY(inet::HostName::parse(text.substr(2)));
    return policy::Wildcard{std::move(suffix)};
  }
  if (auto prefix = inet::Prefix::parse(text)) return *prefix;
  return TRY(inet::HostName::parse(text));
}

Result<policy::RecordTypes> parse_types(std::string_view text) {
  policy::RecordTypes types;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    TRY(types.add(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return types;
}

Result<policy::Rule> parse_rule(const Json& json) {
  auto subject = TRY(parse_subject(json.at("subject").get<std::string>()));
  auto ports = TRY(inet::PortSet::parse(json.at("ports").get<std::string>()));
  const auto types = TRY(parse_types(json.at("types").get<std::string>()));
  const auto protocol = TRY(enumerator(json.at("protocol"), policy::Protocol::both, policy::Protocol::tcp));
  const auto answers = TRY(enumerator(json.at("answers"), policy::Answers::private_too));
  const auto need = TRY(enumerator(json.at("need"), policy::Need::required));
  return policy::Rule{.subject = std::move(subject),
                      .ports = std::move(ports),
                      .protocol = protocol,
                      .answers = answers,
                      .types = types,
                      .need = need,
                      .reason = json.at("reason").get<std::string>()};
}

Result<Setup> read_setup(const Json& json) {
  Setup setup;
  for (const Json& rule : json.at("rules")) setup.rules.push_back(TRY(parse_rule(rule)));
  for (const Json& server : json.at("upstreams"))
    setup.upstreams.push_back(TRY(upstream::parse_server(server.get<std::string>())));
  setup.terms.hold = seconds(TRY(whole<uint32_t>(json.at("hold"))));
  setup.terms.ipv4 = TRY(enumerator(json.at("ipv4"), Reachability::reachable));
  setup.terms.ipv6 = TRY(enumerator(json.at("ipv6"), Reachability::reachable));
  setup.resolve_timeout = seconds(TRY(whole<uint32_t>(json.at("resolve_timeout"))));
  setup.initial_sets = TRY(enumerator(json.at("initial_sets"), InitialSets::continued));
  setup.mark = TRY(whole<uint32_t>(json.at("mark")));
  setup.log_group = TRY(whole<uint16_t>(json.at("log_group")));
  setup.audit_bound = audit::FileBound::of_file(TRY(whole<uint64_t>(json.at("audit_bound"))));
  return setup;
}

}  // namespace

std::string render_setup(const Setup& setup) {
  Json rules = Json::array();
  for (const policy::Rule& rule : setup.rules) rules.push_back(rule_json(rule));
  Json upstreams = Json::array();
  for (const upstream::Server& server : setup.upstreams) upstreams.push_back(text(server));
  return Json{{"rules", std::move(rules)},          {"upstreams", std::move(upstreams)},
              {"hold", setup.terms.hold.count()},   {"ipv4", setup.terms.ipv4},
              {"ipv6", setup.terms.ipv6},           {"resolve_timeout", setup.resolve_timeout.count()},
              {"initial_sets", setup.initial_sets}, {"mark", setup.mark},
              {"log_group", setup.log_group},       {"audit_bound", setup.audit_bound.octets()}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Setup> parse_setup(std::string_view text) {
  // Only the keeper writes this text. An error ends the gate.
  try {
    return read_setup(Json::parse(text));
  } catch (const Json::exception& error) {
    return fail(Exit::unavailable, std::string("the gate's setup: ") + error.what());
  }
}

}  // namespace ostiary::gate
