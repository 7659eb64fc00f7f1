#include "ostiary/plan/upstreams.h"

#include <algorithm>

#include <sys/socket.h>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/dns_port.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/inet/special.h"
#include "ostiary/net/resolv_conf.h"
#include "ostiary/net/resolver_file.h"
#include "ostiary/upstream/ares_upstream.h"
#include "ostiary/upstream/in_turn.h"

namespace ostiary::plan {
namespace {

using Place = AskableServer::Place;

// A resolv.conf is not read as strictly as a setting: it may have a link-local address without an interface.
Result<> check_usable(const upstream::Server& server) {
  TRY(upstream::parse_server(text(server)));
  if (upstream::AresUpstream::can_reach(server)) return {};
  return fail(Exit::configuration, quote(text(server)) + " is link-local, which takes c-ares 1.24");
}

PlannedUpstream planned(const net::Nameserver& server, std::string source) {
  return {.server = {.address = server.address, .zone = server.zone}, .source = std::move(source)};
}

// Where the rules hold all, a resolver of this host cannot be the upstream: the rules bring its own questions
// to the gate, and the agent could answer in its place. Docker's asks from outside.
bool can_ask(const scope::Scope& scope, const AskableServer& each) {
  return each.place == Place::elsewhere || scope.can_ask_this_host ||
         upstream::is_dockers(each.server.address);
}

// Whether a server at that address is a process of this host: to its own address the kernel sends from that
// address.
Place place_of(const inet::IpAddress& address) {
  if (inet::classify(address) == inet::AddressClass::loopback) return Place::this_host;
  const inet::SocketAddress server(address, inet::dns_port);
  const UniqueFd socket{::socket(server.domain(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.valid() || ::connect(socket.get(), server.get(), server.size()) != 0) return Place::elsewhere;
  return inet::SocketAddress::local(socket) == address ? Place::this_host : Place::elsewhere;
}

}  // namespace

Result<std::vector<PlannedUpstream>> parse_upstreams(const config::Given& given) {
  if (may_hold_password(given.text))
    return fail(Exit::configuration,
                given.origin +
                    ": holds a URL or an @: write servers' addresses, like 192.0.2.53,[2001:db8::53]:5353");
  std::vector<PlannedUpstream> servers;
  for (std::string_view rest = given.text; !rest.empty();) {
    auto server = upstream::parse_server(take_until(rest, ','));
    if (!server) return std::unexpected(std::move(server).error().within(given.origin));
    servers.push_back({.server = std::move(*server), .source = given.origin});
  }
  return servers;
}

std::vector<PlannedUpstream> upstreams_of(std::string_view resolv_conf) {
  const net::ResolvConf conf = net::parse_resolv_conf(resolv_conf);
  std::vector<PlannedUpstream> servers;
  for (const net::Nameserver& each : conf.nameservers) servers.push_back(planned(each, net::resolver_path));
  if (std::ranges::any_of(conf.nameservers, upstream::is_dockers, &net::Nameserver::address))
    for (const net::Nameserver& each : conf.docker_external)
      servers.push_back(planned(each, std::string("ExtServers in ") + net::resolver_path));
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

Result<Askable> choose_upstreams(std::span<const PlannedUpstream> servers, const scope::Scope& scope) {
  if (servers.empty())
    return fail(Exit::configuration,
                std::string(net::resolver_path) +
                    " names no nameserver: write one there, or name one with --upstream");
  Askable askable;
  for (const PlannedUpstream& each : servers)
    if (AskableServer server{each.server, place_of(each.server.address)}; can_ask(scope, server))
      askable.servers.push_back(std::move(server));
    else
      askable.refused.push_back(
          each.source + ": the upstream server " + text(each.server) +
          " is on this host. The rules bring that server's own questions to the gate, so "
          "names would not resolve");
  if (!askable.servers.empty()) return askable;
  return fail(Exit::configuration, askable.refused.front() + ": give --upstream the server that " +
                                       servers.front().server.address.text() + " itself asks");
}

}  // namespace ostiary::plan
