// A container's resolv.conf. A slow reader reads the same, within the limits. Rewritten for the
// gate, it names only the gate, and the original follows, so it is longer than that.
#include "ostiary/net/resolv_conf.h"

#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/net/resolver_file.h"

using namespace ostiary;

namespace {

std::vector<std::string> split(const std::string& text, const char* marks) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(marks, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::vector<std::string> words_of(const std::string& line) {
  auto words = split(line, " \t\r\v\f");
  std::erase(words, "");
  return words;
}

// The addresses of the nameserver lines, in order.
std::vector<std::string> servers_of(const std::string& text) {
  std::vector<std::string> servers;
  for (const std::string& line : split(text, "\n")) {
    const auto words = words_of(line.substr(0, line.find_first_of("#;")));
    if (words.size() < 2 || words[0] != "nameserver") continue;
    const auto address = inet::IpAddress::parse(words[1].substr(0, words[1].find('%')));
    if (address && servers.size() < net::limits::nameservers) servers.push_back(address->text());
  }
  return servers;
}

void check_limits(const net::ResolvConf& conf) {
  HOLDS(conf.ndots <= net::limits::ndots && conf.attempts <= net::limits::attempts);
  HOLDS(conf.timeout_seconds <= net::limits::timeout_seconds);
  HOLDS(conf.search.size() <= net::limits::search_domains);
  HOLDS(conf.passed_over.size() <= net::limits::passed_over_lines);
  HOLDS(conf.other_options.size() <= net::limits::search_domains);
  HOLDS(conf.docker_external.size() <= net::limits::nameservers);
  for (const std::string& domain : conf.search) HOLDS(!domain.empty() && words_of(domain).size() == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(fuzz::as_text({data, size}));
  const net::ResolvConf conf = net::parse_resolv_conf(text);
  check_limits(conf);
  std::vector<std::string> servers;
  for (const auto& server : conf.nameservers) servers.push_back(server.address.text());
  HOLDS(servers == servers_of(text));

  const std::string original = net::original_of(text);
  const std::string pointed = net::pointed_at_gate(original);
  HOLDS(pointed.size() > original.size());
  HOLDS(net::original_of(pointed) ==
        (original.empty() || original.ends_with('\n') ? original : original + "\n"));
  const net::ResolvConf at_gate = net::parse_resolv_conf(pointed);
  HOLDS(at_gate.nameservers.size() == 1 && at_gate.nameservers[0].address.text() == "127.0.0.1");
  HOLDS(at_gate.docker_external.empty());
  const net::ResolvConf before = net::parse_resolv_conf(original);
  if (before.search == conf.search)
    HOLDS(at_gate.search == before.search || before.search.empty() || original != text);
  return 0;
}
