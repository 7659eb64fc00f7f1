#include "entry.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/url.h"
#include "ostiary/policy/parse.h"
#include "public_suffix.h"
#include "slip.h"

namespace ostiary::policy {
namespace {

constexpr std::string_view preset_mark = "preset:";

std::unexpected<Error> wrong(std::string message) {
  return fail(Exit::configuration, std::move(message));
}

std::unexpected<Error> url_in_place_of_host(std::string_view text) {
  const auto url = inet::Url::parse(text);
  return wrong("is a URL; write its host" + (url ? ": \"" + inet::text(url->destination) + "\""
                                                 : std::string(" alone, like \"example.com:443\"")));
}

Result<Subject> parse_wildcard(std::string_view text) {
  if (text == "*" || text == "*.")
    return wrong("would allow everything; name the hosts, or run without the gate (--gate off)");
  if (!text.starts_with("*.") || text.substr(1).contains('*'))
    return wrong("has a * that is not its whole first label; write it like \"*.example.com\"");
  auto suffix = inet::HostName::parse(text.substr(2));
  if (!suffix) return std::unexpected(std::move(suffix).error());
  if (!suffix->text().contains('.'))
    return wrong("would allow every name under \"" + suffix->text() +
                 "\"; name the domain as well, like \"*.example." + suffix->text() + "\"");
  if (is_open_to_registration(*suffix))
    return wrong("would allow every domain that is registered under \"" + suffix->text() +
                 "\"; name the domain as well, like \"*.example." + suffix->text() + "\"");
  return Wildcard{*std::move(suffix)};
}

Result<Subject> parse_network(std::string_view text) {
  const std::string_view address = text.substr(0, text.find('/'));
  if (!inet::IpAddress::parse(address)) {
    TRY(inet::HostName::parse(address));
    return wrong("has a path or is not a network; write a host alone, or a network like \"10.1.2.0/24\"");
  }
  const inet::Prefix prefix = TRY(inet::Prefix::parse(text));
  if (prefix.length() == 0)
    return wrong("would allow every address; name the networks, or run without the gate (--gate off)");
  return prefix;
}

// The parts of an entry. A part that is not written is empty, and its flag is false.
struct Parts {
  std::string_view host;
  std::string_view ports;
  std::string_view protocol;
  bool has_ports = false;
  bool has_protocol = false;
  bool bracketed = false;
};

bool begins_with_letter(std::string_view text) {
  return !text.empty() && is_letter(text.front());
}

Result<Parts> cut(std::string_view text) {
  Parts parts;
  parts.bracketed = text.starts_with('[');
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos && begins_with_letter(text.substr(slash + 1)) && !text.ends_with(']')) {
    parts.protocol = text.substr(slash + 1);
    parts.has_protocol = true;
    text = text.substr(0, slash);
  }
  size_t host_end = text.find(':');
  if (parts.bracketed) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return wrong("has a [ without its ]");
    parts.host = text.substr(1, bracket - 1);
    host_end = bracket + 1 == text.size() ? std::string_view::npos : bracket + 1;
    if (host_end != std::string_view::npos && text[host_end] != ':')
      return wrong("has text between ] and its ports; write it like \"[2001:db8::/32]:443\"");
  } else {
    if (std::ranges::count(text, ':') > 1)
      return wrong("has an IPv6 address without brackets; write it like \"[2001:db8::1]:443\"");
    parts.host = text.substr(0, host_end);
  }
  parts.has_ports = host_end != std::string_view::npos;
  if (parts.has_ports) parts.ports = text.substr(host_end + 1);
  return parts;
}

std::string unknown_protocol(std::string_view word) {
  constexpr auto words = std::to_array<std::string_view>({"tcp", "udp", "both", "tls", "http", "raw"});
  const std::string lower = to_lower(word);
  const std::string_view meant = lower == "https" || lower == "ssl" ? "tls" : nearest(lower, words);
  return "has " + quote(word) +
         " after its /, which is not tcp, udp, both, tls, http or raw: write it like " +
         "\"example.com:443/" + std::string(meant.empty() ? "udp" : meant) + "\"";
}

Result<Rule> parse_rule(std::string_view text, std::string_view reason) {
  if (text.empty()) return wrong("is empty; write a host, like \"api.example.com:443\"");
  if (text.contains("://")) return url_in_place_of_host(text);
  if (std::string slip = find_slip(text); !slip.empty()) return wrong(std::move(slip));
  const Parts parts = TRY(cut(text));
  if (parts.host.empty()) return wrong("has no host; write it like \"example.com:443\"");
  Rule rule{.subject = TRY(parse_subject(parts.host)), .reason = std::string(reason)};
  const auto* prefix = std::get_if<inet::Prefix>(&rule.subject);
  if (parts.bracketed && (prefix == nullptr || !parts.host.contains(':')))
    return wrong("has brackets around text that is not an IPv6 address; write it like \"[2001:db8::1]:443\"");
  if (parts.has_protocol) {
    const auto word = parse_protocol_word(parts.protocol);
    if (!word) return wrong(unknown_protocol(parts.protocol));
    const bool has_way = word->tls != Named::by_port || word->http != Named::by_port;
    if (has_way && prefix != nullptr)
      return wrong("has " + quote(parts.protocol) + " after its /, and no flow names an address: write /tcp");
    rule.protocol = word->protocol;
    rule.tls = word->tls;
    rule.http = word->http;
  }
  rule.ports = inet::PortSet(default_port_of(rule));
  if (parts.has_ports) {
    auto ports = inet::PortSet::parse(parts.ports);
    if (!ports) return wrong("has " + port_error(quote(parts.ports), ports.error()));
    rule.ports = *std::move(ports);
  }
  return rule;
}

// Adds the entry to its error, unless the entry may hold a password.
Error about(std::string_view entry, const Error& error) {
  const std::string shown = entry.empty() ? "an entry" : quote_unless_password(entry, "an entry");
  return Error{error.exit, shown + " " + error.message};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// Whether the entry has ports and may continue with more. A protocol would end the list of ports.
bool takes_more_ports(std::string_view entry) {
  if (entry.starts_with("preset:")) return false;
  const size_t bracket = entry.find(']');
  const size_t colon = entry.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return colon != std::string_view::npos && !entry.substr(colon).contains('/');
}

}  // namespace

bool is_nothing_but_ports(std::string_view piece) {
  const std::string_view ports = piece.substr(0, piece.find('/'));
  return !ports.empty() && std::ranges::all_of(ports, [](char c) { return is_digit(c) || c == '-'; });
}

std::vector<std::string> split_entries(std::string_view text) {
  std::vector<std::string> entries;
  for (const std::string_view written : split(text, ',')) {
    const std::string_view piece = trimmed(written);
    if (is_nothing_but_ports(piece) && !entries.empty() && takes_more_ports(entries.back()))
      entries.back().append(",").append(piece);
    else if (!piece.empty())
      entries.emplace_back(piece);
  }
  return entries;
}

std::string port_error(std::string_view quoted, const Error& error) {
  if (quoted == "\"*\"") return "a * as its port: write each port, or a range like 8000-8099";
  return "the port " + std::string(quoted) + ", which " + error.message;
}

Result<Subject> parse_subject(std::string_view text) {
  if (text.contains("://")) return url_in_place_of_host(text);
  if (text.contains('*')) return parse_wildcard(text);
  if (text.contains('/') || inet::IpAddress::parse(text)) return parse_network(text);
  if (!text.contains('.') && may_be_token(text))
    return wrong("looks like a token, and would be asked for in public: write a host's name, in lower case");
  auto name = inet::HostName::parse(text);
  if (!name) return std::unexpected(std::move(name).error());
  return *std::move(name);
}

Result<Protocol> parse_protocol(std::string_view text) {
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::both})
    if (equal_ignoring_case(text, policy::text(protocol))) return protocol;
  return wrong("has a protocol that is not tcp, udp or both");
}

std::optional<ProtocolWord> parse_protocol_word(std::string_view text) {
  if (equal_ignoring_case(text, "tls")) return ProtocolWord{.tls = Named::everywhere};
  if (equal_ignoring_case(text, "http")) return ProtocolWord{.http = Named::everywhere};
  if (equal_ignoring_case(text, "raw")) return ProtocolWord{.tls = Named::nowhere, .http = Named::nowhere};
  const auto protocol = parse_protocol(text);
  if (!protocol) return std::nullopt;
  return ProtocolWord{.protocol = *protocol};
}

uint16_t default_port_of(const Rule& rule) {
  return rule.http == Named::everywhere ? http_port : default_port;
}

Result<std::vector<Rule>> parse_entry(std::string_view entry, std::string_view reason,
                                      const Lookup& variable) {
  std::vector<Rule> rules;
  if (entry.starts_with(preset_mark)) {
    for (const std::string& each : TRY(expand_preset(entry.substr(preset_mark.size()), variable)))
      rules.push_back(TRY(parse_rule(each, std::string(entry) + " (" + std::string(reason) + ")")));
    return rules;
  }
  if (entry.contains('@') && !entry.contains("://"))
    return fail(Exit::configuration, describe_at_sign(entry));
  auto rule = parse_rule(entry, reason);
  if (!rule) return std::unexpected(about(entry, rule.error()));
  rules.push_back(*std::move(rule));
  return rules;
}

Result<std::vector<Rule>> parse_list(std::string_view text, std::string_view reason, const Lookup& variable) {
  // Check the whole text. A comma in a password would split it into pieces, and some of them would
  // not look like a password.
  if (text.contains('@')) return fail(Exit::configuration, describe_at_sign(text));
  std::vector<Rule> rules;
  for (const std::string& entry : split_entries(text)) {
    if (is_nothing_but_ports(entry))
      return fail(Exit::configuration,
                  quote(entry) + " is a port without a host; write it like \"example.com:443\"");
    std::ranges::move(TRY(parse_entry(entry, reason, variable)), std::back_inserter(rules));
  }
  return rules;
}

}  // namespace ostiary::policy
