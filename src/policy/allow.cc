// Parses the "allow" array of a policy file.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "entry.h"
#include "ostiary/base/quote.h"
#include "ostiary/policy/parse.h"
#include "slip.h"

namespace ostiary::policy {
namespace {

using config::Kind;
using config::Node;

constexpr std::array<std::string_view, 8> keys{"host", "ports",   "protocol", "tls",
                                               "http", "private", "types",    "required"};

std::unexpected<Error> wrong(const Node& node, std::string_view message) {
  return std::unexpected(node.error(message));
}

// Adds the key to an error in its value, unless the error names the key already.
template <typename T>
Result<T> of_key(std::string_view key, Result<T> value) {
  if (value || value.error().message.contains(key)) return value;
  return std::unexpected(config::of_key(std::move(value).error(), key));
}

Result<Subject> read_host(const Node& object) {
  const Node* node = object.find("host");
  if (node == nullptr) return wrong(object, "has no \"host\"; write {\"host\": \"example.com\"}");
  std::string_view text = TRY(node->string());
  if (text.starts_with("preset:"))
    return wrong(*node, "\"host\" is a preset: write \"preset:NAME\" in place of the object");
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed) text = text.substr(1, text.size() - 2);
  if (const std::string slip = find_slip(text); !slip.empty()) return wrong(*node, "host " + slip);
  auto subject = parse_subject(text);
  if (!subject && !text.contains("://") && parse_subject(text.substr(0, text.rfind(':'))))
    return wrong(*node, "host has ports after it; write them as \"ports\"");
  if (!subject) return wrong(*node, "host " + subject.error().message);
  return subject;
}

Result<inet::PortSet> read_port_item(const Node& node) {
  if (node.kind() == Kind::number) return inet::PortSet(static_cast<uint16_t>(TRY(node.integer(1, 65535))));
  const std::string_view text = TRY(node.string());
  auto ports = inet::PortSet::parse(text);
  if (!ports) return wrong(node, "has " + port_error(quote(text), ports.error()));
  return ports;
}

// Reads 443, "22,443" or [22, 443, "8000-8010"].
Result<inet::PortSet> read_ports(const Node& object, uint16_t implied) {
  const Node* node = object.find("ports");
  if (node == nullptr) return inet::PortSet(implied);
  if (node->kind() != Kind::array) return read_port_item(*node);
  inet::PortSet ports;
  for (const Node& item : TRY(node->array())) ports.add(TRY(read_port_item(item)));
  if (ports.empty()) return wrong(*node, "names no port; leave \"ports\" out for " + std::to_string(implied));
  return ports;
}

// What "https" or "raw" stands for, in keys.
std::string keys_of(const ProtocolWord& word) {
  if (word.tls == Named::everywhere) return "\"tls\": true";
  return word.http == Named::everywhere ? "\"http\": true" : "\"tls\": false, \"http\": false";
}

// Words of the other form of a rule, and the name of the protocol, in place of a key.
Result<> check_keys(const Node& object) {
  for (const auto& [key, word] :
       {std::pair("raw", "raw"), std::pair("https", "tls"), std::pair("ssl", "tls")})
    if (const Node* node = object.find(key))
      return wrong(*node, "unknown key " + quote(key) + ": write " + keys_of(*parse_protocol_word(word)));
  return object.only_keys(keys);
}

Result<Protocol> read_protocol(const Node& object) {
  const Node* node = object.find("protocol");
  if (node == nullptr) return Protocol::tcp;
  const std::string_view text = TRY(node->string());
  if (const auto protocol = parse_protocol(text)) return *protocol;
  const auto word = parse_protocol_word(text);
  if (!word) return wrong(*node, "is " + quote(text) + ", which is not tcp, udp or both");
  return wrong(*node, "is " + quote(text) + ": in its place write " + keys_of(*word));
}

Result<RecordTypes> read_types(const Node& object) {
  RecordTypes types;
  const Node* node = object.find("types");
  if (node == nullptr) return types;
  for (const Node& item : TRY(node->array()))
    if (const auto added = types.add(TRY(item.string())); !added) return wrong(item, added.error().message);
  return types;
}

template <typename Enum>
Result<Enum> read_switch(const Node& object, std::string_view key, Enum on) {
  const Node* node = object.find(key);
  if (node == nullptr) return Enum{};
  return TRY(node->boolean()) ? on : Enum{};
}

Result<Named> read_named(const Node& object, std::string_view key) {
  const Node* node = object.find(key);
  if (node == nullptr) return Named::by_port;
  return TRY(node->boolean()) ? Named::everywhere : Named::nowhere;
}

// `way` is that of the key: "tls" or "http".
Result<> check_named(const Node& object, const Rule& rule, const std::string& key, Named way) {
  if (way == Named::by_port) return {};
  if (std::holds_alternative<inet::Prefix>(rule.subject))
    return wrong(object, "is an address, which no flow names; leave out \"" + key + "\"");
  if (rule.protocol == Protocol::both)
    return wrong(object, "has \"" + key + "\", which is for TCP alone; write UDP as an object of its own");
  if (rule.protocol == Protocol::udp)
    return wrong(object, "has \"" + key + "\", which is for TCP alone; leave out \"" + key + "\"");
  return {};
}

Result<> check_together(const Node& object, const Rule& rule) {
  TRY(check_named(object, rule, "tls", rule.tls));
  TRY(check_named(object, rule, "http", rule.http));
  if (rule.tls == Named::everywhere && rule.http == Named::everywhere)
    return wrong(object, "has \"tls\" and \"http\", and a port is for one of them; write an object for each");
  if (rule.need == Need::required && !std::holds_alternative<inet::HostName>(rule.subject))
    return wrong(object, "is not one host name, so it cannot be resolved; leave out \"required\"");
  if (!rule.types.empty() && std::holds_alternative<inet::Prefix>(rule.subject))
    return wrong(object, "is an address, which has no DNS records; leave out \"types\"");
  if (rule.answers == Answers::private_too && std::holds_alternative<inet::Prefix>(rule.subject))
    return wrong(object, "is an address, which is not resolved from a name; leave out \"private\"");
  return {};
}

Result<Rule> read_object(const Node& object, std::string_view reason) {
  TRY(check_keys(object));
  auto subject = TRY(of_key("host", read_host(object)));
  Rule rule{.subject = std::move(subject), .reason = std::string(reason)};
  rule.http = TRY(of_key("http", read_named(object, "http")));
  rule.ports = TRY(of_key("ports", read_ports(object, default_port_of(rule))));
  rule.protocol = TRY(of_key("protocol", read_protocol(object)));
  rule.tls = TRY(of_key("tls", read_named(object, "tls")));
  rule.answers = TRY(of_key("private", read_switch(object, "private", Answers::private_too)));
  rule.types = TRY(of_key("types", read_types(object)));
  rule.need = TRY(of_key("required", read_switch(object, "required", Need::required)));
  TRY(check_together(object, rule));
  return rule;
}

}  // namespace

Result<std::vector<Rule>> parse_allow(const Node& allow, std::string_view file, const Lookup& variable) {
  std::vector<Rule> rules;
  for (const Node& entry : TRY(of_key("allow", allow.array()))) {
    const std::string reason = std::string(file) + " line " + std::to_string(entry.line());
    if (entry.kind() == Kind::object) {
      rules.push_back(TRY(read_object(entry, reason)));
      continue;
    }
    if (entry.kind() != Kind::string)
      return std::unexpected(config::of_key(entry.mismatch("a string like \"example.com:443\", or an object"),
                                            "an entry of allow"));
    auto parsed = parse_entry(TRY(entry.string()), reason, variable);
    if (!parsed) return wrong(entry, parsed.error().message);
    std::ranges::move(*parsed, std::back_inserter(rules));
  }
  return rules;
}

}  // namespace ostiary::policy
