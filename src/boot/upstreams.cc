#include "ostiary/boot/upstreams.h"

#include <algorithm>

#include "ostiary/boot/resolver_file.h"
#include "ostiary/net/resolv_conf.h"
#include "ostiary/upstream/in_turn.h"

namespace ostiary::boot {
namespace {

PlannedUpstream planned(const net::Nameserver& server, std::string source) {
  return {.server = {.address = server.address, .zone = server.zone}, .source = std::move(source)};
}

}  // namespace

Result<std::vector<PlannedUpstream>> parse_upstreams(const config::Given& given) {
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

}  // namespace ostiary::boot
