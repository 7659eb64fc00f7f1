#include "ostiary/boot/upstreams.h"

#include <algorithm>

#include "ostiary/base/quote.h"
#include "ostiary/boot/resolver_file.h"
#include "ostiary/net/resolv_conf.h"
#include "ostiary/upstream/ares_upstream.h"
#include "ostiary/upstream/in_turn.h"

namespace ostiary::boot {
namespace {

// A resolv.conf is not read as strictly as a setting: it may have a link-local address without an interface.
Result<> check_usable(const upstream::Server& server) {
  TRY(upstream::parse_server(text(server)));
  if (upstream::AresUpstream::can_reach(server)) return {};
  return fail(Exit::configuration, quote(text(server)) + " is link-local, which this c-ares cannot reach");
}

PlannedUpstream planned(const net::Nameserver& server, std::string source) {
  return {.server = {.address = server.address, .zone = server.zone}, .source = std::move(source)};
}

}  // namespace

Result<std::vector<PlannedUpstream>> parse_upstreams(const config::Given& given) {
  if (may_hold_password(given.text))
    return fail(Exit::configuration,
                given.origin +
                    ": holds a URL or an @: write servers' addresses, like 192.0.2.53,[2001:db8::53]:5353");
  std::vector<PlannedUpstream> servers;
  for (std::string_view rest = given.text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    auto server = upstream::parse_server(rest.substr(0, comma));
    if (!server) return std::unexpected(std::move(server).error().within(given.origin));
    servers.push_back({.server = std::move(*server), .source = given.origin});
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return servers;
}

std::vector<PlannedUpstream> upstreams_of(std::string_view resolv_conf) {
  const net::ResolvConf conf = net::parse_resolv_conf(resolv_conf);
  std::vector<PlannedUpstream> servers;
  for (const net::Nameserver& each : conf.nameservers) servers.push_back(planned(each, resolver_path));
  if (std::ranges::any_of(conf.nameservers, upstream::is_dockers, &net::Nameserver::address))
    for (const net::Nameserver& each : conf.docker_external)
      servers.push_back(planned(each, std::string("ExtServers in ") + resolver_path));
  return servers;
}

Result<std::vector<PlannedUpstream>> usable_upstreams(std::vector<PlannedUpstream> servers,
                                                      std::vector<std::string>& warnings) {
  std::vector<PlannedUpstream> usable;
  std::vector<std::string> unusable;
  for (PlannedUpstream& each : servers) {
    auto checked = check_usable(each.server);
    if (checked)
      usable.push_back(std::move(each));
    else
      unusable.push_back(each.source + ": the server " + checked.error().message);
  }
  if (usable.empty() && !unusable.empty())
    return fail(Exit::configuration, unusable.front() + ": name another with --upstream");
  for (const std::string& each : unusable) warnings.push_back(each + ": it is not asked");
  return usable;
}

}  // namespace ostiary::boot
