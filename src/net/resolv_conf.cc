#include "ostiary/net/resolv_conf.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "ostiary/base/text.h"

namespace ostiary::net {
namespace {

constexpr std::string_view docker_external = "# ExtServers:";

std::optional<Nameserver> parse_nameserver(std::string_view word) {
  const size_t percent = word.find('%');
  auto address = inet::IpAddress::parse(word.substr(0, percent));
  if (!address) return std::nullopt;
  Nameserver server{*address, {}};
  if (percent != std::string_view::npos) server.zone = word.substr(percent + 1);
  return server;
}

std::optional<unsigned> option_value(std::string_view word, std::string_view name, unsigned limit) {
  if (!word.starts_with(name)) return std::nullopt;
  word.remove_prefix(name.size());
  unsigned value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty()) return std::nullopt;
  return error == std::errc::result_out_of_range ? limit : std::min(value, limit);
}

void read_options(ResolvConf& conf, std::string_view rest) {
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (const auto ndots = option_value(word, "ndots:", limits::ndots))
      conf.ndots = *ndots;
    else if (const auto timeout = option_value(word, "timeout:", limits::timeout_seconds))
      conf.timeout_seconds = *timeout;
    else if (const auto attempts = option_value(word, "attempts:", limits::attempts))
      conf.attempts = *attempts;
    else if (conf.other_options.size() < limits::search_domains)
      conf.other_options.emplace_back(word);
  }
}

void read_search(ResolvConf& conf, std::string_view rest) {
  conf.search.clear();
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (word.ends_with('.')) word.remove_suffix(1);
    if (!word.empty() && conf.search.size() < limits::search_domains) conf.search.emplace_back(word);
  }
}

// "[192.0.2.53 host(127.0.0.53)]"
void read_docker_external(ResolvConf& conf, std::string_view list) {
  for (std::string_view word = take_word(list); !word.empty(); word = take_word(list)) {
    if (word.starts_with('[')) word.remove_prefix(1);
    if (word.ends_with(']')) word.remove_suffix(1);
    const auto server = parse_nameserver(word);
    if (server && conf.docker_external.size() < limits::nameservers) conf.docker_external.push_back(*server);
  }
}

void read_line(ResolvConf& conf, std::string_view line) {
  if (line.starts_with(docker_external)) read_docker_external(conf, line.substr(docker_external.size()));
  if (const size_t comment = line.find_first_of("#;"); comment != std::string_view::npos)
    line = line.substr(0, comment);
  std::string_view rest = line;
  const std::string_view key = take_word(rest);
  if (key.empty() || key == "sortlist") return;
  if (key == "nameserver") {
    const auto server = parse_nameserver(take_word(rest));
    if (server && conf.nameservers.size() < limits::nameservers) conf.nameservers.push_back(*server);
    if (server) return;
  }
  if (key == "search" || key == "domain") return read_search(conf, rest);
  if (key == "options") return read_options(conf, rest);
  if (conf.passed_over.size() < limits::passed_over_lines) conf.passed_over.emplace_back(line);
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) read_line(conf, take_until(text, '\n'));
  return conf;
}

}  // namespace ostiary::net
