#include "ostiary/policy/rule.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::policy {
namespace {

struct SubjectText {
  std::string operator()(const inet::HostName& name) const { return name.text(); }
  std::string operator()(const Wildcard& wildcard) const { return "*." + wildcard.suffix.text(); }
  std::string operator()(const inet::Prefix& prefix) const {
    const bool single = inet::Prefix::single(prefix.network()) == prefix;
    return single ? prefix.network().text() : prefix.text();
  }
};

struct Type {
  std::string_view name;
  uint16_t number;
};

// The index of a type in this array is its bit in the mask.
constexpr std::array<Type, 16> types{{{"NS", 2},
                                      {"CNAME", 5},
                                      {"SOA", 6},
                                      {"PTR", 12},
                                      {"MX", 15},
                                      {"TXT", 16},
                                      {"LOC", 29},
                                      {"SRV", 33},
                                      {"NAPTR", 35},
                                      {"DS", 43},
                                      {"SSHFP", 44},
                                      {"DNSKEY", 48},
                                      {"TLSA", 52},
                                      {"OPENPGPKEY", 61},
                                      {"URI", 256},
                                      {"CAA", 257}}};

constexpr std::array<std::string_view, 3> forbidden{"HTTPS", "SVCB", "ANY"};

bool has_named_flows(const Rule& rule) {
  return !std::holds_alternative<inet::Prefix>(rule.subject) && rule.protocol != Protocol::udp;
}

inet::PortSet named_ports(const Rule& rule, Named way, uint16_t by_port) {
  if (way == Named::everywhere) return rule.ports;
  return way == Named::by_port && rule.ports.contains(by_port) ? inet::PortSet(by_port) : inet::PortSet();
}

// "tls", "http" and "raw" only where the ports alone do not say as much.
std::string_view protocol_word(const Rule& rule) {
  Rule by_port = rule;
  by_port.tls = by_port.http = Named::by_port;
  const inet::PortSet tls = named_in_tls(rule), http = named_in_http(rule);
  if (rule.protocol != Protocol::tcp || (tls == named_in_tls(by_port) && http == named_in_http(by_port)))
    return text(rule.protocol);
  if (tls == rule.ports) return "tls";
  if (http == rule.ports) return "http";
  return tls.empty() && http.empty() ? "raw" : text(rule.protocol);
}

}  // namespace

Named tls_of(inet::Scheme scheme) {
  return scheme == inet::Scheme::https ? Named::everywhere : Named::nowhere;
}

Subject subject_of(const inet::Host& host) {
  if (const auto* address = std::get_if<inet::IpAddress>(&host)) return inet::Prefix::single(*address);
  return std::get<inet::HostName>(host);
}

std::string text(const Subject& subject) {
  return std::visit(SubjectText{}, subject);
}

std::string_view text(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::both:
      return "both";
  }
  return "none";
}

inet::PortSet named_in_tls(const Rule& rule) {
  if (!has_named_flows(rule) || rule.http == Named::everywhere) return {};
  return named_ports(rule, rule.tls, tls_port);
}

inet::PortSet named_in_http(const Rule& rule) {
  if (!has_named_flows(rule) || rule.tls == Named::everywhere) return {};
  return named_ports(rule, rule.http, http_port);
}

std::string text(const Rule& rule) {
  const auto* prefix = std::get_if<inet::Prefix>(&rule.subject);
  const bool bracketed = prefix != nullptr && prefix->network().family() == inet::Family::ipv6;
  std::string written = bracketed ? "[" + text(rule.subject) + "]" : text(rule.subject);
  if (written == "preset") written += ".";  // "preset:443" would be read as a preset
  return written + ":" + rule.ports.text() + "/" + std::string(protocol_word(rule));
}

Result<> RecordTypes::add(std::string_view name) {
  const std::string upper = to_upper(name);
  if (upper == "A" || upper == "AAAA") return {};
  if (std::ranges::find(forbidden, upper) != forbidden.end())
    return fail(Exit::configuration,
                "\"types\" cannot name " + upper + ", which carries addresses around the gate: leave it out");
  const auto* found = std::ranges::find(types, std::string_view(upper), &Type::name);
  if (found != types.end()) {
    mask_ |= uint32_t{1} << (found - types.begin());
    return {};
  }
  const std::string known = join(types | std::views::transform(&Type::name), ", ");
  return fail(Exit::configuration, "unknown type " + quote(name) + ": the types are " + known);
}

bool RecordTypes::contains(uint16_t type) const {
  const auto* found = std::ranges::find(types, type, &Type::number);
  return found != types.end() && (mask_ >> (found - types.begin()) & 1U) != 0;
}

std::string RecordTypes::text() const {
  std::string text;
  for (const Type& type : types)
    if (contains(type.number)) text += (text.empty() ? "" : ",") + std::string(type.name);
  return text;
}

}  // namespace ostiary::policy
