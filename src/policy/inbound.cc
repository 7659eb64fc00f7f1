// Parses the value of --allow-inbound: services that accept connections from outside.
#include <algorithm>
#include <array>

#include "entry.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/policy/parse.h"

namespace ostiary::policy {
namespace {

constexpr std::array<std::string_view, 2> everywhere{"0.0.0.0/0", "::/0"};
constexpr std::string_view form =
    "write it like \"22\", \"8000-8099\", \"5353/udp\", \"10.1.0.0/16:22\" or \"[fdaa::/16]:22/tcp\"";

std::unexpected<Error> wrong(std::string_view entry, std::string_view what) {
  return fail(Exit::configuration, quote(entry) + " " + std::string(what));
}

// "22" or "8000-8099"
bool is_port(std::string_view text) {
  return !text.empty() && text.front() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '-'; });
}

// "22" or "22/udp"
bool is_service(std::string_view piece) {
  return is_port(piece.substr(0, piece.find('/')));
}

Result<> add_from_everywhere(std::vector<Rule>& rules, std::string_view piece, std::string_view reason) {
  const size_t slash = piece.find('/');
  const auto ports = inet::PortSet::parse(piece.substr(0, slash));
  if (!ports) return wrong(piece, ports.error().message);
  auto protocol = Protocol::tcp;
  if (slash != std::string_view::npos) {
    const auto written = parse_protocol(piece.substr(slash + 1));
    if (!written) return wrong(piece, written.error().message + ": " + std::string(form));
    protocol = *written;
  }
  for (const std::string_view network : everywhere)
    rules.push_back({.subject = TRY(inet::Prefix::parse(network)),
                     .ports = *ports,
                     .protocol = protocol,
                     .reason = std::string(reason)});
  return {};
}

// Whether the text after the last colon is a port or a port range, with or without a protocol.
bool ends_with_service(std::string_view piece) {
  const size_t colon = piece.rfind(':');
  return colon != std::string_view::npos && !piece.ends_with(']') && is_service(piece.substr(colon + 1));
}

// Whether the entry has the form of Docker's -p: HOST:CONTAINER or ADDRESS:HOST:CONTAINER.
// `network` is the entry without its last part.
bool has_docker_form(std::string_view network) {
  return !network.contains('[') && is_port(network.substr(network.rfind(':') + 1));
}

bool is_everywhere(std::string_view network) {
  return network == "*" || network == "[*]" || network.ends_with("/0") || network.ends_with("/0]") ||
         network == "0.0.0.0" || network == "[::]";
}

Result<> add_from_network(std::vector<Rule>& rules, std::string_view piece, std::string_view reason) {
  if (!ends_with_service(piece)) return wrong(piece, "does not end with a port: " + std::string(form));
  const std::string_view network = piece.substr(0, piece.rfind(':'));
  const std::string service(piece.substr(piece.rfind(':') + 1));
  if (has_docker_form(network))
    return wrong(piece, "is Docker's HOST:CONTAINER; a port here is the container's own: write " + service);
  if (is_everywhere(network))
    return wrong(piece, "names every network: write " + service + " alone to open it to all");
  auto parsed = TRY(parse_entry(piece, reason, [](std::string_view) { return std::string_view{}; }));
  for (Rule& rule : parsed) {
    if (!std::holds_alternative<inet::Prefix>(rule.subject))
      return wrong(piece, "names a host and not a network: " + std::string(form));
    rules.push_back(std::move(rule));
  }
  return {};
}

}  // namespace

Result<std::vector<Rule>> parse_inbound(std::string_view text, std::string_view reason) {
  if (may_hold_password(text)) return fail(Exit::configuration, "holds a URL or an @: " + std::string(form));
  std::vector<Rule> rules;
  std::string_view before;
  while (!text.empty()) {
    const std::string_view piece = take_until(text, ',');
    if (piece.empty()) continue;
    // Refuse "[fdaa::/16]:22,2222": it would open the second port to every network.
    if (is_service(piece) && !before.empty() && !is_service(before))
      return wrong(piece, "follows an entry with a network: write the network again, or move " +
                              quote(piece) + " to the front");
    if (is_service(piece))
      TRY(add_from_everywhere(rules, piece, reason));
    else
      TRY(add_from_network(rules, piece, reason));
    before = piece;
  }
  return rules;
}

}  // namespace ostiary::policy
