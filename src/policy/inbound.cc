// Services that may be spoken to, as --allow-inbound has them.
#include <algorithm>
#include <array>

#include "ostiary/base/quote.h"
#include "ostiary/policy/parse.h"

namespace ostiary::policy {
namespace {

constexpr std::array<std::string_view, 2> everywhere{"0.0.0.0/0", "::/0"};

std::unexpected<Error> wrong(std::string_view entry, std::string_view what) {
  return fail(Exit::configuration, quote(entry) + " " + std::string(what));
}

bool is_port(std::string_view piece) {
  return !piece.empty() && std::ranges::all_of(piece, [](char c) { return c >= '0' && c <= '9'; });
}

Result<> add_from_everywhere(std::vector<Rule>& rules, std::string_view piece, std::string_view reason) {
  const auto ports = inet::PortSet::parse(piece);
  if (!ports) return wrong(piece, ports.error().message);
  for (const std::string_view network : everywhere)
    rules.push_back(
        {.subject = TRY(inet::Prefix::parse(network)), .ports = *ports, .reason = std::string(reason)});
  return {};
}

Result<> add_from_network(std::vector<Rule>& rules, std::string_view piece, std::string_view reason) {
  constexpr std::string_view form = "write it like \"22\", \"10.1.0.0/16:22\" or \"[fdaa::/16]:22\"";
  if (!is_port(piece.substr(std::min(piece.rfind(':'), piece.size() - 1) + 1)) || piece.ends_with(']'))
    return wrong(piece, "does not end with a port: " + std::string(form));
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
  std::vector<Rule> rules;
  std::string_view before;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view piece = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (piece.empty()) continue;
    // "[fdaa::/16]:22,2222" would open the second port to everybody.
    if (is_port(piece) && !before.empty() && !is_port(before))
      return wrong(piece, "stands behind a network: write the network again, or ports without one first");
    if (is_port(piece))
      TRY(add_from_everywhere(rules, piece, reason));
    else
      TRY(add_from_network(rules, piece, reason));
    before = piece;
  }
  return rules;
}

}  // namespace ostiary::policy
