// Parses the value of OSTIARY_ALLOW: entries that are separated by commas.
#include <algorithm>
#include <iterator>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/policy/parse.h"

namespace ostiary::policy {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// "443", "8000-8010", "443/udp"
bool is_nothing_but_ports(std::string_view piece) {
  const std::string_view ports = piece.substr(0, piece.find('/'));
  return !ports.empty() && std::ranges::all_of(ports, [](char c) { return is_digit(c) || c == '-'; });
}

// Whether the entry has ports and may continue with more. A protocol would end the list of ports.
bool takes_more_ports(std::string_view entry) {
  if (entry.starts_with("preset:")) return false;
  const size_t bracket = entry.find(']');
  const size_t colon = entry.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return colon != std::string_view::npos && !entry.substr(colon).contains('/');
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

}  // namespace

Result<std::vector<Rule>> parse_list(std::string_view text, std::string_view reason, const Lookup& variable) {
  // Check the whole text. A comma in a password would split it into pieces, and some of them would
  // not look like a password.
  if (text.contains('@'))
    return fail(Exit::configuration, "an entry holds an @; write a host alone, like \"example.com:443\"");
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
