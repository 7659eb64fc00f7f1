#include "ostiary/policy/warnings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "entry.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/quote.h"
#include "ostiary/inet/destination.h"
#include "ostiary/policy/policy.h"
#include "ostiary/policy/presets.h"
#include "public_suffix.h"

namespace ostiary::policy {
namespace {

// Public resolvers that answer DNS over HTTPS.
constexpr auto resolver_names = std::to_array<std::string_view>({
    "dns.google",
    "dns.google.com",
    "dns64.dns.google",
    "cloudflare-dns.com",
    "chrome.cloudflare-dns.com",
    "family.cloudflare-dns.com",
    "mozilla.cloudflare-dns.com",
    "odoh.cloudflare-dns.com",
    "security.cloudflare-dns.com",
    "one.one.one.one",
    "dns.cloudflare.com",
    "dns.quad9.net",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.opendns.com",
    "doh.familyshield.opendns.com",
    "doh.umbrella.com",
    "dns.nextdns.io",
    "firefox.dns.nextdns.io",
    "dns.adguard.com",
    "dns.adguard-dns.com",
    "doh.cleanbrowsing.org",
    "freedns.controld.com",
    "dns.controld.com",
    "dns.mullvad.net",
    "doh.mullvad.net",
    "doh.dns.sb",
    "dns0.eu",
    "dns.alidns.com",
    "doh.pub",
    "doh.360.cn",
    "doh.libredns.gr",
    "dns.switch.ch",
    "doh.applied-privacy.net",
    "dns.digitale-gesellschaft.ch",
    "wikimedia-dns.org",
    "public.dns.iij.jp",
    "dns.twnic.tw",
    "doh.xfinity.com",
});

constexpr auto resolver_addresses = std::to_array<std::string_view>({
    "1.1.1.1",
    "1.0.0.1",
    "8.8.8.8",
    "8.8.4.4",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
    "208.67.220.220",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2620:fe::fe",
    "2620:fe::9",
    "2620:119:35::35",
    "2620:119:53::53",
});

const std::vector<inet::IpAddress>& resolvers_by_address() {
  static const std::vector<inet::IpAddress> read = [] {
    std::vector<inet::IpAddress> addresses;
    for (const std::string_view text : resolver_addresses)
      addresses.push_back(inet::IpAddress::parse(text).value());
    return addresses;
  }();
  return read;
}

bool is_below(std::string_view name, std::string_view suffix) {
  return name.size() > suffix.size() && name.ends_with(suffix) &&
         name[name.size() - suffix.size() - 1] == '.';
}

// Returns the first resolver that the subject covers, or an empty text.
struct CoveredResolver {
  std::string operator()(const inet::HostName& name) const {
    return std::ranges::find(resolver_names, name.text()) == resolver_names.end() ? "" : name.text();
  }
  std::string operator()(const Wildcard& wildcard) const {
    const auto* const found = std::ranges::find_if(
        resolver_names, [&](std::string_view name) { return is_below(name, wildcard.suffix.text()); });
    return found == resolver_names.end() ? std::string() : std::string(*found);
  }
  std::string operator()(const inet::Prefix& prefix) const {
    const auto& addresses = resolvers_by_address();
    const auto found = std::ranges::find_if(
        addresses, [&](const inet::IpAddress& address) { return prefix.contains(address); });
    return found == addresses.end() ? std::string() : found->text();
  }
};

void warn_of_resolvers(std::span<const Rule> rules, std::vector<std::string>& warnings) {
  for (const Rule& rule : rules) {
    const std::string resolver = std::visit(CoveredResolver{}, rule.subject);
    if (resolver.empty()) continue;
    warnings.push_back(text(rule) + " (" + escape_controls(rule.reason) + ") covers " + resolver +
                       ", which answers DNS over HTTPS: queries that the agent sends there bypass the gate; "
                       "leave it out");
  }
}

// ---- the part of the internet that networks cover

struct Internet {
  inet::Prefix prefix;
  std::string_view name;
};

constexpr double max_part = 1.0 / 16;

// The part of `whole` that the prefix covers. Two prefixes are either nested or disjoint.
double part_of(const inet::Prefix& whole, const inet::Prefix& prefix) {
  if (prefix.contains(whole.network()) && prefix.length() <= whole.length()) return 1;
  return whole.contains(prefix.network()) ? std::ldexp(1.0, whole.length() - prefix.length()) : 0;
}

void warn_of_width(std::span<const Rule> rules, const Internet& internet,
                   std::vector<std::string>& warnings) {
  std::vector<inet::Prefix> networks;
  for (const Rule& rule : rules)
    if (const auto* prefix = std::get_if<inet::Prefix>(&rule.subject)) networks.push_back(*prefix);
  // After sorting, a network comes right before the networks inside it.
  std::ranges::sort(networks);
  double covered = 0;
  const inet::Prefix* outer = nullptr;
  const inet::Prefix* widest = nullptr;
  for (const inet::Prefix& each : networks) {
    if (outer != nullptr && outer->contains(each.network())) continue;
    outer = &each;
    const double part = part_of(internet.prefix, each);
    covered += part;
    if (part > 0 && (widest == nullptr || each.length() < widest->length())) widest = &each;
  }
  if (covered > max_part)
    warnings.push_back("the networks of the rules (the widest is " + widest->text() + ") cover " +
                       std::to_string(std::lround(100 * covered)) + "% of the " + std::string(internet.name) +
                       " internet: name smaller ones, or hosts");
}

// ---- names that a provider gives to its customers

void warn_of_customers(std::span<const Rule> rules, std::vector<std::string>& warnings) {
  for (const Rule& rule : rules) {
    const auto* wildcard = std::get_if<Wildcard>(&rule.subject);
    if (wildcard == nullptr || rule.reason.starts_with("preset:")) continue;
    if (is_shared_by_customers(wildcard->suffix))
      warnings.push_back(text(rule) + " (" + escape_controls(rule.reason) +
                         ") covers names that any customer of " + wildcard->suffix.text() +
                         " can get: write the names that you need");
    if (resolves_to_any_address(wildcard->suffix))
      warnings.push_back(text(rule) + " (" + escape_controls(rule.reason) +
                         ") opens every public address that their asker chooses: write the names that you "
                         "need");
  }
}

// ---- names that are something else elsewhere

// "github" for "preset:github", or what belongs to another entry: "example.com:80,https", "example.com:443/both,tls".
void warn_of_short_names(std::span<const Rule> rules, std::vector<std::string>& warnings) {
  for (const Rule& rule : rules) {
    const auto* name = std::get_if<inet::HostName>(&rule.subject);
    if (name == nullptr) continue;
    const auto is_named = [name](const Preset& preset) { return preset.name == name->text(); };
    const std::string is_host =
        quote(name->text()) + " (" + escape_controls(rule.reason) + ") is taken for a host";
    if (std::ranges::any_of(presets(), is_named))
      warnings.push_back(is_host + ": did you mean \"preset:" + name->text() + "\"?");
    else if (const auto port = inet::port_of_service(name->text()))
      warnings.push_back(is_host + ": write a port as a number, " + std::to_string(*port));
    else if (parse_protocol_word(name->text()))
      warnings.push_back(is_host + ": write an entry for each protocol, like \"example.com:443/" +
                         name->text() + "\"");
  }
}

// ---- names that flows need not have

struct Covers {
  const Subject& wide;

  bool operator()(const inet::HostName& name) const {
    const auto* wildcard = std::get_if<Wildcard>(&wide);
    return wildcard != nullptr ? is_below(name.text(), wildcard->suffix.text()) : wide == Subject(name);
  }
  bool operator()(const Wildcard& narrow) const {
    const auto* wildcard = std::get_if<Wildcard>(&wide);
    return wildcard != nullptr &&
           (narrow == *wildcard || is_below(narrow.suffix.text(), wildcard->suffix.text()));
  }
  bool operator()(const inet::Prefix&) const { return false; }
};

inet::PortSet without(inet::PortSet ports, const inet::PortSet& others) {
  for (const inet::PortRange& range : others.ranges()) ports.remove(range);
  return ports;
}

// The TCP ports that the rule opens to flows without a name.
inet::PortSet unnamed_ports(const Rule& rule) {
  if (rule.protocol == Protocol::udp || std::holds_alternative<inet::Prefix>(rule.subject)) return {};
  return without(without(rule.ports, named_in_tls(rule)), named_in_http(rule));
}

struct PortsOfRule {
  const Rule& rule;
  inet::PortSet ports;
};

// Those on which the rule asks for a name, and another rule does not.
std::vector<PortsOfRule> lost_names(std::span<const Rule> rules) {
  const Policy policy = Policy::compile(rules);
  std::vector<PortsOfRule> lost;
  for (const Rule& rule : rules) {
    inet::PortSet ports = without(named_in_tls(rule), policy.ports_opened_by(OpenedBy::tls_name, rule));
    ports.add(without(named_in_http(rule), policy.ports_opened_by(OpenedBy::http_name, rule)));
    if (!ports.empty()) lost.push_back({rule, std::move(ports)});
  }
  return lost;
}

std::vector<PortsOfRule> opened_without_names(std::span<const Rule> rules) {
  std::vector<PortsOfRule> opened;
  for (const Rule& rule : rules)
    if (inet::PortSet ports = unnamed_ports(rule); !ports.empty()) opened.push_back({rule, std::move(ports)});
  return opened;
}

// One warning for each rule that takes it from others.
void warn_of_lost_names(std::span<const Rule> rules, std::vector<std::string>& warnings) {
  const std::vector<PortsOfRule> opened = opened_without_names(rules);
  if (opened.empty()) return;
  const std::vector<PortsOfRule> lost = lost_names(rules);
  for (const PortsOfRule& each : opened) {
    const auto is_taken = [&each](const PortsOfRule& other) {
      return std::visit(Covers{each.rule.subject}, other.rule.subject) &&
             without(other.ports, each.ports) != other.ports;
    };
    const auto first = std::ranges::find_if(lost, is_taken);
    if (first == lost.end()) continue;
    const auto more = std::count_if(std::next(first), lost.end(), is_taken);
    warnings.push_back(
        text(each.rule) + " (" + escape_controls(each.rule.reason) + ") takes the check of names from " +
        text(first->rule) + " (" + escape_controls(first->rule.reason) + ")" +
        (more == 0 ? "" : " and " + std::to_string(more) + " more") + ": take out what you do not need");
  }
}

}  // namespace

std::vector<std::string> find_warnings(std::span<const Rule> rules) {
  const std::array internets{Internet{inet::Prefix::parse("0.0.0.0/0").value(), "IPv4"},
                             Internet{inet::Prefix::parse("2000::/3").value(), "IPv6"}};
  std::vector<std::string> warnings;
  warn_of_resolvers(rules, warnings);
  for (const Internet& internet : internets) warn_of_width(rules, internet, warnings);
  warn_of_customers(rules, warnings);
  warn_of_short_names(rules, warnings);
  warn_of_lost_names(rules, warnings);
  return warnings;
}

}  // namespace ostiary::policy
