#include "enclosure.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "ostiary/base/log.h"
#include "tracking_probe.h"

namespace ostiary::boot {
namespace {

const char* text(nft::Change::Kind change) {
  switch (change) {
    case nft::Change::Kind::table_gone:
      return "the table was deleted";
    case nft::Change::Kind::missed:
      return "too many changes at once: the kernel did not report all";
    case nft::Change::Kind::changed:
    case nft::Change::Kind::joined:
      break;
  }
  return "the table was changed";
}

}  // namespace

Result<Unenclosed> Unenclosed::read() {
  TRY(net::bring_loopback_up());
  auto resolver = TRY(net::ResolverFile::read(net::resolver_path));
  auto routes = TRY(net::RouteWatch::open());
  return Unenclosed{.resolver = std::move(resolver),
                    .routes = std::move(routes),
                    .networks = TRY(net::read_routed_networks())};
}

Result<Enclosure> Enclosure::build(Parts parts, AuditTrail& audit) {
  parts.ruleset.routes = std::move(parts.network.networks);
  auto rules = TRY(
      RulesGuard::deny_everything(std::move(parts.ruleset), std::move(parts.network.routes), parts.lifetime));
  Enclosure enclosure(std::move(parts.network.resolver), std::move(rules), audit);
  TRY(enclosure.listen(parts.scope, parts.agent));
  return enclosure;
}

Result<> Enclosure::listen(const scope::Scope& scope, const confine::Identity& agent) {
  listeners_ = TRY(gate::open_listeners());
  TRY(probe_connection_tracking(scope, agent));
  return scope.owns_resolver ? listen_directly() : Result<>{};
}

Result<> Enclosure::probe_connection_tracking(const scope::Scope& scope, const confine::Identity& agent) {
  const nft::Tracking tracking = TRY(probe_tracking(listeners_, agent));
  if (tracking == nft::Tracking::both_families) return {};
  if (scope.needs_ipv6_tracking)
    return fail(Exit::unavailable,
                "--scope user: the kernel does not track IPv6 connections, so ostiary cannot distinguish the "
                "agent's IPv6 connections from those of other users: use --scope container, or disable IPv6");
  log::warn(
      "phase 1: the kernel does not track IPv6 connections: processes ask 127.0.0.1 for names; IPv6 "
      "resolvers are denied; over IPv6, TCP services answer only at ports of --allow-inbound, UDP services "
      "do not");
  return rules_.set_tracking(tracking);
}

// Where resolv.conf names the gate, its questions need no redirect. Not possible if another process
// has the port.
Result<> Enclosure::listen_directly() {
  if (const Result<> opened = gate::open_direct(listeners_); !opened) {
    log::debug("phase 1: the redirect alone serves: " + opened.error().message);
    return {};
  }
  std::vector<inet::IpAddress> addresses{inet::IpAddress::loopback(inet::Family::ipv4)};
  if (listeners_.direct_udp6.valid()) addresses.push_back(inet::IpAddress::loopback(inet::Family::ipv6));
  return rules_.open_direct_dns(std::move(addresses));
}

void Enclosure::point_resolver_at_gate() {
  const Result<> pointed = resolver_.point_at_gate();
  if (pointed) return;
  if (rules_.ruleset().tracking == nft::Tracking::ipv4_only)
    log::warn("phase 1: resolv.conf cannot name the gate, and an IPv6 resolver in it is denied: " +
              pointed.error().message);
  else
    log::info("phase 1: resolv.conf cannot name the gate, the redirect alone serves: " +
              pointed.error().message);
}

void Enclosure::put_resolver_back() {
  if (const Result<> put_back = resolver_.put_back(); !put_back)
    log::warn("resolv.conf could not be put back: " + put_back.error().message);
}

Result<> Enclosure::look(const std::function<void()>& readmit) {
  for (const RulesGuard::Repair& repair : TRY(rules_.look(std::chrono::steady_clock::now(), readmit)))
    TRY(report(repair, audit_));
  return {};
}

Result<> report(const RulesGuard::Repair& repair, AuditTrail& audit) {
  using Response = audit::Tampering::Response;
  const std::string what = text(repair.change.kind);
  audit.record(audit::Tampering{.what = what,
                                .process = repair.change.process,
                                .program = repair.change.program,
                                .response = repair.outcome ? Response::repaired : Response::agent_ended});
  const std::string by = repair.change.program.empty() ? "" : ", by " + repair.change.program;
  log::warn("another process changed the rules (" + what + by +
            "): " + (repair.outcome ? "repaired" : "ending the agent"));
  return repair.outcome;
}

}  // namespace ostiary::boot
