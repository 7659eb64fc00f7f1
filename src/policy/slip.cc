#include "slip.h"

#include <algorithm>

#include "entry.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::policy {
namespace {

constexpr std::string_view blanks = " \t\r\n";

std::string_view name_of(char separator) {
  switch (separator) {
    case ' ':
      return "has a space";
    case '\t':
      return "has a tab";
    case ',':
      return "has a comma";
    default:
      return "has a line break";
  }
}

// A comma in place of blanks, but none beside a colon, a comma or a slash.
std::string with_commas(std::string_view entry) {
  constexpr std::string_view joints = ":,/";
  std::string out;
  bool is_behind_blank = false;
  for (const char c : entry) {
    if (!blanks.contains(c)) {
      if (is_behind_blank && !out.empty() && !joints.contains(out.back()) && !joints.contains(c)) out += ',';
      out += c;
    }
    is_behind_blank = blanks.contains(c);
  }
  return out;
}

// Blanks, and hosts with commas between them. A comma between ports is right.
std::string find_separator(std::string_view entry) {
  const size_t blank = entry.find_first_of(blanks);
  const size_t separator = std::min(blank, entry.find(','));
  if (separator == std::string_view::npos) return {};
  const std::vector<std::string> entries = split_entries(with_commas(entry));
  if (entries.empty() || (entries.size() == 1 && blank == std::string_view::npos)) return {};
  const size_t named = entries.size() == 1 ? blank : separator;
  const std::string what = std::string(name_of(entry[named])) + ": ";
  if (entries.size() == 1) return what + "write " + quote(entries[0]);
  if (std::ranges::any_of(entries, is_nothing_but_ports))
    return what + "write the ports after a colon, like \"example.com:22,443\"";
  if (entries.size() == 2)
    return what + "write two entries, " + quote(entries[0]) + " and " + quote(entries[1]);
  return what + "write each host as an entry of its own";
}

// "host:8443/tls/udp", "host/tls:8443"
std::string find_misplaced_protocol(std::string_view host, std::string_view rest) {
  const size_t end = rest.find_first_of(":/");
  const std::string word(rest.substr(0, end));
  if (end == std::string_view::npos || !parse_protocol_word(word)) return {};
  if (rest[end] == '/')
    return parse_protocol_word(rest.substr(end + 1))
               ? "has two protocols: write an entry for each, like " + quote(std::string(host) + "/" + word)
               : "";
  if (host.contains(':')) return {};
  return "has its ports behind the protocol: write " +
         quote(std::string(host) + std::string(rest.substr(end)) + "/" + word);
}

// The text after a host's first slash, if it is neither a protocol's word nor the length of a network.
std::string find_path(std::string_view entry) {
  const size_t slash = entry.find('/');
  if (slash == std::string_view::npos || slash == 0 || entry.starts_with('[')) return {};
  const std::string_view host = entry.substr(0, slash);
  const std::string_view name = host.substr(0, host.find(':'));
  const bool is_address = std::ranges::all_of(name, [](char c) { return is_digit(c) || c == '.'; });
  if (is_address || std::ranges::count(host, ':') > 1) return {};
  const std::string_view rest = entry.substr(slash + 1);
  if (std::string found = find_misplaced_protocol(host, rest); !found.empty()) return found;
  // With a port in front, a word is rather a mistyped protocol.
  if (parse_protocol_word(rest) || (host.contains(':') && !rest.contains('/'))) return {};
  return "has a path, and a path cannot be a rule: write " + quote(host);
}

// The host of "git@HOST", "git@HOST:PATH" or "git@HOST/PATH"; empty for any other text.
std::string_view git_host(std::string_view entry) {
  constexpr std::string_view user = "git@";
  if (!entry.starts_with(user)) return {};
  entry.remove_prefix(user.size());
  const std::string_view host = entry.substr(0, entry.find_first_of(":/"));
  return host.contains('.') && !may_be_token(host) && inet::HostName::parse(host) ? host : std::string_view{};
}

}  // namespace

std::string find_slip(std::string_view entry) {
  if (may_hold_password(entry)) return {};
  if (entry.contains('$')) return "has a \"$\": variables are not replaced, so write the host itself";
  if (std::string found = find_separator(entry); !found.empty()) return found;
  if (entry.size() > 1 && entry.front() == '.' && entry[1] != '.')
    return "begins with a dot: write " + quote("*" + std::string(entry)) + " for the names below it";
  return find_path(entry);
}

std::string describe_at_sign(std::string_view list) {
  if (std::ranges::count(list, '@') == 1)
    for (const std::string_view piece : split(list, ','))
      if (const std::string host(git_host(trim(piece))); !host.empty())
        return quote("git@" + host) + " has an @: write " + quote(host + ":22");
  return "an entry has an @: write its host alone, like \"example.com:443\", or for git over ssh "
         "\"example.com:22\"";
}

}  // namespace ostiary::policy
