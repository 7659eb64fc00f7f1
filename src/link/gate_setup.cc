#include "ostiary/link/gate_setup.h"

#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "ostiary/base/json.h"
#include "ostiary/base/text.h"

namespace ostiary::gate {
namespace {

using std::chrono::seconds;

Json rule_json(const policy::Rule& rule) {
  return {{"subject", text(rule.subject)},
          {"ports", rule.ports.text()},
          {"protocol", rule.protocol},
          {"answers", rule.answers},
          {"tls", rule.tls},
          {"http", rule.http},
          {"types", rule.types.text()},
          {"need", rule.need},
          {"reason", rule.reason}};
}

Json rules_json(const std::vector<policy::Rule>& rules) {
  Json list = Json::array();
  for (const policy::Rule& rule : rules) list.push_back(rule_json(rule));
  return list;
}

std::unexpected<Error> unusable(std::string_view what) {
  return fail(Exit::unavailable, "the gate's setup: " + std::string(what));
}

Result<std::string> text_of(const Json* json) {
  if (json == nullptr || json->text() == nullptr) return unusable("a text is missing");
  return *json->text();
}

Result<uint64_t> number(const Json* json, uint64_t last, uint64_t first = 0) {
  const auto value = json != nullptr ? json->number() : std::nullopt;
  if (!value || *value < first || *value > last) return unusable("a number is missing or out of bounds");
  return *value;
}

template <typename Enum>
Result<Enum> enumerator(const Json* json, Enum last, Enum first = Enum{}) {
  return static_cast<Enum>(TRY(number(json, std::to_underlying(last), std::to_underlying(first))));
}

template <typename Unsigned>
Result<Unsigned> whole(const Json* json) {
  return static_cast<Unsigned>(TRY(number(json, std::numeric_limits<Unsigned>::max())));
}

Result<std::optional<uint16_t>> optional_queue(const Json* json) {
  if (json != nullptr && json->is_null()) return std::nullopt;
  return TRY(whole<uint16_t>(json));
}

Result<std::span<const Json>> list(const Json* json) {
  if (json == nullptr || !json->is_array()) return unusable("a list is missing");
  return json->elements();
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
  while (!text.empty()) TRY(types.add(take_until(text, ',')));
  return types;
}

Result<policy::Rule> parse_rule(const Json& json) {
  auto subject = TRY(parse_subject(TRY(text_of(json.find("subject")))));
  auto ports = TRY(inet::PortSet::parse(TRY(text_of(json.find("ports")))));
  const auto types = TRY(parse_types(TRY(text_of(json.find("types")))));
  const auto protocol = TRY(enumerator(json.find("protocol"), policy::Protocol::both, policy::Protocol::tcp));
  const auto answers = TRY(enumerator(json.find("answers"), policy::Answers::private_too));
  const auto tls = TRY(enumerator(json.find("tls"), policy::Named::nowhere));
  const auto http = TRY(enumerator(json.find("http"), policy::Named::nowhere));
  auto reason = TRY(text_of(json.find("reason")));
  const auto need = TRY(enumerator(json.find("need"), policy::Need::required));
  return policy::Rule{.subject = std::move(subject),
                      .ports = std::move(ports),
                      .protocol = protocol,
                      .answers = answers,
                      .tls = tls,
                      .http = http,
                      .types = types,
                      .need = need,
                      .reason = std::move(reason)};
}

Result<Setup> read_setup(const Json& json) {
  Setup setup;
  for (const Json& rule : TRY(list(json.find("rules")))) setup.rules.push_back(TRY(parse_rule(rule)));
  for (const Json& rule : TRY(list(json.find("relayed")))) setup.relayed.push_back(TRY(parse_rule(rule)));
  for (const Json& server : TRY(list(json.find("upstreams"))))
    setup.upstreams.push_back(TRY(upstream::parse_server(TRY(text_of(&server)))));
  setup.terms.hold = seconds(TRY(whole<uint32_t>(json.find("hold"))));
  setup.terms.ipv4 = TRY(enumerator(json.find("ipv4"), Reachability::reachable));
  setup.terms.ipv6 = TRY(enumerator(json.find("ipv6"), Reachability::reachable));
  setup.resolve_timeout = seconds(TRY(whole<uint32_t>(json.find("resolve_timeout"))));
  setup.initial_sets = TRY(enumerator(json.find("initial_sets"), InitialSets::continued));
  setup.mark = TRY(whole<uint32_t>(json.find("mark")));
  setup.log_group = TRY(whole<uint16_t>(json.find("log_group")));
  setup.name_queue = TRY(optional_queue(json.find("name_queue")));
  setup.tracking = TRY(enumerator(json.find("tracking"), nft::Tracking::ipv4_only));
  setup.encrypted_hello = TRY(enumerator(json.find("encrypted_hello"), tls::EncryptedHello::ignored));
  setup.audit_bound = audit::FileBound::of_file(TRY(whole<uint64_t>(json.find("audit_bound"))));
  return setup;
}

}  // namespace

std::string render_setup(const Setup& setup) {
  Json upstreams = Json::array();
  for (const upstream::Server& server : setup.upstreams) upstreams.push_back(text(server));
  return Json{{"rules", rules_json(setup.rules)},
              {"relayed", rules_json(setup.relayed)},
              {"upstreams", std::move(upstreams)},
              {"hold", setup.terms.hold.count()},
              {"ipv4", setup.terms.ipv4},
              {"ipv6", setup.terms.ipv6},
              {"resolve_timeout", setup.resolve_timeout.count()},
              {"initial_sets", setup.initial_sets},
              {"mark", setup.mark},
              {"log_group", setup.log_group},
              {"name_queue", setup.name_queue ? Json(*setup.name_queue) : Json()},
              {"tracking", setup.tracking},
              {"encrypted_hello", setup.encrypted_hello},
              {"audit_bound", setup.audit_bound.octets()}}
      .compact();
}

Result<Setup> parse_setup(std::string_view text) {
  // Only the keeper writes this text. An error ends the gate.
  const auto json = Json::parse(text);
  if (!json) return unusable("it is not JSON");
  return read_setup(*json);
}

}  // namespace ostiary::gate
