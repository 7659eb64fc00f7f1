// Host names, addresses, networks, ports, servers and patterns of rules. Another reader accepts
// what is accepted; written and read again, it is the same. An error is one line.
#include <bitset>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/inet/destination.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/inet/port_set.h"
#include "ostiary/inet/prefix.h"
#include "ostiary/policy/parse.h"
#include "ostiary/policy/policy.h"
#include "ostiary/upstream/server.h"

using namespace ostiary;

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The definition in host_name.h, implemented again.
bool is_host_name(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  if (text.empty() || text.size() > 253) return false;
  size_t last = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] != '.') {
      const char c = static_cast<char>(text[at] | 0x20);
      const bool letter = static_cast<uint8_t>(text[at]) < 0x80 && c >= 'a' && c <= 'z';
      if (!letter && !is_digit(text[at]) && text[at] != '-' && text[at] != '_') return false;
      continue;
    }
    if (at == last || at - last > 63 || text[last] == '-' || text[at - 1] == '-') return false;
    if (at < text.size()) last = at + 1;
  }
  const std::string label = text.substr(last);
  if (std::ranges::all_of(label, is_digit)) return false;
  return !(label[0] == '0' && (label.size() > 1 && (label[1] == 'x' || label[1] == 'X')) &&
           label.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string::npos);
}

void check_host_name(std::string_view text) {
  const auto name = inet::HostName::parse(text);
  HOLDS(name.has_value() == is_host_name(std::string(text)));
  if (!name) return HOLDS(fuzz::is_one_line(name.error()));
  HOLDS(inet::HostName::parse(name->text()).value() == *name);
  HOLDS(!inet::IpAddress::parse(name->text()));
  HOLDS(name->text().size() <= text.size());
}

// Four decimal parts without leading zeros.
bool is_ipv4(std::string_view text) {
  size_t parts = 0;
  while (true) {
    const size_t end = std::min(text.find('.'), text.size());
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part.size() > 3 || !std::ranges::all_of(part, is_digit)) return false;
    if ((part.size() > 1 && part[0] == '0') || std::stoi(std::string(part)) > 255) return false;
    ++parts;
    if (end == text.size()) return parts == 4;
    text.remove_prefix(end + 1);
  }
}

void check_address(std::string_view text) {
  const auto address = inet::IpAddress::parse(text);
  if (!text.contains(':')) HOLDS(address.has_value() == is_ipv4(text));
  if (!address) return HOLDS(fuzz::is_one_line(address.error()));
  HOLDS(text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos);
  HOLDS(inet::IpAddress::parse(address->text()).value() == *address);
  const inet::Prefix single = inet::Prefix::single(*address);
  HOLDS(single.contains(*address) && inet::Prefix::parse(single.text()).value() == single);
}

void check_prefix(std::string_view text) {
  const auto prefix = inet::Prefix::parse(text);
  if (!prefix) return HOLDS(fuzz::is_one_line(prefix.error()));
  HOLDS(inet::Prefix::parse(prefix->text()).value() == *prefix);
  HOLDS(prefix->contains(prefix->network()));
  // No bit is set after the prefix.
  const auto octets = prefix->network().octets();
  for (size_t bit = prefix->length(); bit < octets.size() * 8; ++bit)
    HOLDS((octets[bit / 8] >> (7 - bit % 8) & 1U) == 0);
}

void check_ports(std::string_view text) {
  const auto ports = inet::PortSet::parse(text);
  if (!ports) return HOLDS(fuzz::is_one_line(ports.error()));
  HOLDS(inet::PortSet::parse(ports->text()).value() == *ports);
  std::bitset<65536> expected;
  for (std::string rest(text); !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string range = rest.substr(0, comma);
    const size_t dash = range.find('-');
    const int first = std::stoi(range);
    const int last = dash == std::string::npos ? first : std::stoi(range.substr(dash + 1));
    for (int port = first; port <= last; ++port) expected.set(static_cast<size_t>(port));
    rest.erase(0, comma + 1);
  }
  HOLDS(!expected[0]);
  std::bitset<65536> found;
  for (const inet::PortRange& range : ports->ranges())
    for (size_t port = range.first; port <= range.last; ++port) {
      HOLDS(!found[port]);
      found.set(port);
    }
  HOLDS(found == expected);
}

void check_server(std::string_view text) {
  const auto server = upstream::parse_server(text);
  if (!server) return HOLDS(fuzz::is_one_line(server.error()));
  HOLDS(upstream::parse_server(upstream::text(*server)).value() == *server);
  HOLDS(server->port != 0);
}

bool same(const policy::Rule& a, const policy::Rule& b) {
  return a.subject == b.subject && a.ports == b.ports && a.protocol == b.protocol && a.answers == b.answers &&
         a.types == b.types && a.need == b.need;
}

std::string_view no_variable(std::string_view) {
  return {};
}

// Whether this rule alone names the host.
bool names(const policy::Rule& rule, const std::string& host) {
  if (const auto* name = std::get_if<inet::HostName>(&rule.subject)) return name->text() == host;
  const auto* wildcard = std::get_if<policy::Wildcard>(&rule.subject);
  return wildcard != nullptr && host.ends_with("." + wildcard->suffix.text());
}

void check_decision(const policy::Policy& policy, const std::vector<policy::Rule>& rules,
                    const std::string& host) {
  const policy::Decision decision = policy.decide(host);
  std::bitset<65536> tcp;
  std::bitset<65536> udp;
  std::bitset<65536> private_tcp;
  std::bitset<65536> private_udp;
  bool named = false;
  for (const policy::Rule& rule : rules) {
    if (!names(rule, host)) continue;
    named = true;
    for (const inet::PortRange range : rule.ports.ranges())
      for (unsigned port = range.first; port <= range.last; ++port) {
        const bool is_private = rule.answers == policy::Answers::private_too;
        if (rule.protocol != policy::Protocol::udp) tcp.set(port);
        if (rule.protocol != policy::Protocol::tcp) udp.set(port);
        if (rule.protocol != policy::Protocol::udp && is_private) private_tcp.set(port);
        if (rule.protocol != policy::Protocol::tcp && is_private) private_udp.set(port);
      }
  }
  HOLDS((decision.verdict == policy::Verdict::allow) == named);
  for (const policy::Grant& grant : decision.grants)
    for (unsigned port = grant.ports.first; port <= grant.ports.last; ++port) {
      auto& expected = grant.transport == policy::Transport::tcp ? tcp : udp;
      HOLDS(expected[port]);
      expected.reset(port);
      const auto& inner = grant.transport == policy::Transport::tcp ? private_tcp : private_udp;
      HOLDS(inner[port] == (grant.answers == policy::Answers::private_too));
    }
  HOLDS(tcp.none() && udp.none());
}

// The first line is the rules; each further line is a host.
void check_rules(std::string_view text) {
  const size_t end = std::min(text.find('\n'), text.size());
  auto rules = policy::parse_list(text.substr(0, end), "a test", no_variable);
  if (!rules) return HOLDS(fuzz::is_one_line(rules.error()));
  if (rules->size() > 64) return;  // repeated presets: slow, and nothing new
  for (const policy::Rule& rule : *rules) {
    const auto again = policy::parse_entry(policy::text(rule), "a test", no_variable);
    HOLDS(again && again->size() == 1 && same(again->front(), rule));
    HOLDS(!rule.ports.empty());
    if (const auto* prefix = std::get_if<inet::Prefix>(&rule.subject)) HOLDS(prefix->length() > 0);
  }
  for (size_t i = 0; i < rules->size(); i += 2) (*rules)[i].answers = policy::Answers::private_too;
  const policy::Policy policy = policy::Policy::compile(*rules);
  for (const policy::Rule& rule : *rules) {
    if (const auto* name = std::get_if<inet::HostName>(&rule.subject)) {
      check_decision(policy, *rules, name->text());
      check_decision(policy, *rules, "x." + name->text());
    } else if (const auto* wildcard = std::get_if<policy::Wildcard>(&rule.subject)) {
      check_decision(policy, *rules, wildcard->suffix.text());
      if (const auto below = inet::HostName::parse("x.y." + wildcard->suffix.text()))
        check_decision(policy, *rules, below->text());
    }
  }
  for (std::string_view rest = text.substr(std::min(end + 1, text.size())); !rest.empty();) {
    const size_t stop = std::min(rest.find('\n'), rest.size());
    if (const auto host = inet::HostName::parse(rest.substr(0, stop)))
      check_decision(policy, *rules, host->text());
    rest.remove_prefix(std::min(stop + 1, rest.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t kind = input.octet();
  const std::string_view text = input.rest_as_text();
  switch (kind) {
    case 'h':
      check_host_name(text);
      break;
    case 'a':
      check_address(text);
      break;
    case 'n':
      check_prefix(text);
      break;
    case 'p':
      check_ports(text);
      break;
    case 's':
      check_server(text);
      break;
    default:
      check_rules(text);
  }
  return 0;
}
