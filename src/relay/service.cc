#include "relay/service.h"

#include <algorithm>
#include <utility>

#include <sys/random.h>

#include "ostiary/base/text.h"
#include "ostiary/link/audit_lines.h"
#include "relay/limits.h"
#include "version.h"

namespace ostiary::relay {
namespace {

Result<otlp::Cumulative::Keys> random_keys() {
  otlp::Cumulative::Keys keys;
  for (HashKey* each : {&keys.first, &keys.second})
    if (::getrandom(each, sizeof *each, 0) != static_cast<ssize_t>(sizeof *each))
      return std::unexpected(Error::system("getrandom", Exit::unavailable));
  return keys;
}

TelemetryRelay::Sender sender_of(const Setup& setup, const otlp::Cumulative::Keys& keys) {
  TelemetryRelay::Sender sender{.attributes = {},
                                .version = std::string(program_version),
                                .wall_clock = std::chrono::system_clock::now,
                                .own_events = setup.own_events,
                                .temporality = setup.temporality,
                                .keys = keys};
  for (const auto& [name, value] : setup.attributes)
    sender.attributes.push_back({.key = name, .value = value});
  return sender;
}

// For messages. Collectors at one server are told apart by their signals.
std::string name_of(const Setup& setup, const CollectorSetup& collector) {
  if (std::ranges::count(setup.collectors, collector.authority, &CollectorSetup::authority) == 1)
    return collector.authority;
  std::vector<std::string_view> signals;
  for (const auto& [signal, path] : collector.paths) signals.push_back(telemetry::text(signal));
  return collector.authority + " (" + join(signals, ", ") + ")";
}

// What an earlier process left for the collector.
void report(const Service::Parts& parts, const CollectorSetup& collector, const Spool::Recovery& found) {
  const auto send = [&](Message::Kind kind, uint64_t number) {
    if (number > 0)
      parts.send({.kind = kind,
                  .number = static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX)),
                  .text = name_of(parts.setup, collector)});
  };
  send(Message::Kind::recovered, found.posts);
  send(Message::Kind::damaged, found.octets_given_up);
}

std::vector<UniqueFd> one(UniqueFd listener) {
  std::vector<UniqueFd> listeners;
  if (listener.valid()) listeners.push_back(std::move(listener));
  return listeners;
}

std::vector<Allowed> allowed_by(const ForwardSetup& forward) {
  std::vector<Allowed> allowed;
  for (const AllowedRequests& each : forward.allowed)
    if (auto path = http::Path::parse(each.path))
      allowed.push_back({.methods = each.methods,
                         .path = *std::move(path),
                         .match = each.match == AllowedRequests::Match::exact
                                      ? Allowed::Match::exact
                                      : Allowed::Match::with_paths_below});
  return allowed;
}

}  // namespace

Result<std::unique_ptr<Service>> Service::create(Parts parts, Inheritance inheritance) {
  std::vector<Spool> spools;
  for (size_t i = 0; i < inheritance.spools.size(); ++i) {
    spools.push_back(TRY(Spool::open(std::move(inheritance.spools[i]), parts.setup.spool_octets)));
    report(parts, parts.setup.collectors[i], spools.back().recovery());
  }
  const otlp::Cumulative::Keys keys = TRY(random_keys());
  return std::unique_ptr<Service>(
      new Service(std::move(parts), std::move(inheritance), std::move(spools), keys));
}

Service::Service(Parts parts, Inheritance inheritance, std::vector<Spool> spools,
                 const otlp::Cumulative::Keys& keys)
    : parts_(std::move(parts)),
      gate_(parts_.loop, std::move(inheritance.gate), inheritance.first_connection),
      audit_(std::move(inheritance.audit)),
      reporter_(parts_.loop, parts_.send),
      telemetry_({.loop = parts_.loop, .trust = parts_.trust, .random = parts_.random},
                 one(std::move(inheritance.listener)), sender_of(parts_.setup, keys),
                 destinations(inheritance.credentials, std::move(spools))),
      drain_limit_(parts_.loop, [this] { end_drain(); }) {
  const size_t collectors = parts_.setup.collectors.size();
  for (size_t i = 0; i < parts_.setup.forwards.size(); ++i)
    add_forward(static_cast<uint32_t>(i), std::move(inheritance.credentials[collectors + i]),
                std::move(inheritance.forwards[i]));
}

std::vector<Destination> Service::destinations(Credentials& credentials, std::vector<Spool> spools) {
  std::vector<Destination> all;
  for (uint32_t i = 0; i < parts_.setup.collectors.size(); ++i) {
    const CollectorSetup& each = parts_.setup.collectors[i];
    all.push_back(
        {.collector = collector_of(each, std::move(credentials[i])),
         .spool = std::move(spools[i]),
         .connect = [this, i](GateLink::Connected connected) { gate_.connect(i, std::move(connected)); },
         .report = [this, name = name_of(parts_.setup, each)](const Report& report) { take(name, report); }});
  }
  return all;
}

// The gate's list of servers has the collectors first.
void Service::add_forward(uint32_t number, Secret header_lines, UniqueFd listener) {
  const ForwardSetup& setup = parts_.setup.forwards[number];
  const auto server = static_cast<uint32_t>(parts_.setup.collectors.size()) + number;
  forwards_.push_back(std::make_unique<RequestRelay>(
      RequestRelay::Parts{
          .loop = parts_.loop,
          .trust = parts_.forwards_trust[number],
          .connect = [this,
                      server](GateLink::Connected connected) { gate_.connect(server, std::move(connected)); },
          .report = [this, &setup](const FailedRequest& failed) { reporter_.take(setup.name, failed); },
          .exchanges = exchanges_,
          .connections = request_limits::connections_of_each(parts_.setup.forwards.size())},
      one(std::move(listener)),
      Forwarding{.destination = setup.server.destination,
                 .authority = setup.authority,
                 .base_path = setup.base_path,
                 .header_lines = std::move(header_lines),
                 .replaced = setup.replaced,
                 .passing = setup.passing,
                 .allowed = allowed_by(setup),
                 .transport = setup.server.scheme == inet::Scheme::https ? Forwarding::Transport::tls
                                                                         : Forwarding::Transport::plain_text,
                 .errors = setup.errors,
                 .after_body = setup.after_body}));
}

Result<> Service::start() {
  TRY(gate_.start());
  for (const auto& each : forwards_) TRY(each->start());
  if (audit_.valid())
    audit_watch_ = TRY(event::Watch::create(parts_.loop, audit_.get(), EPOLLIN,
                                            [this](uint32_t) { return receive_audit(); }));
  return telemetry_.start();
}

void Service::take(const std::string& collector, const Report& report) {
  reporter_.take(collector, report);
  if (drains_) drain_limit_.set(telemetry_.is_done() ? parts_.loop.now() : drain_deadline_);
}

// One datagram a turn of the loop: the agent's requests are not to wait for many.
Result<> Service::receive_audit() {
  const auto lines = link::receive_audit_lines(audit_);
  if (!lines) return {};
  telemetry_.take_audit(*lines);
  if (drains_) telemetry_.flush();
  return {};
}

void Service::drain(Drain drain) {
  // The senders may go on meanwhile.
  for (size_t i = 0; i < limits::audit_datagrams_at_end && audit_.valid(); ++i) {
    const auto lines = link::receive_audit_lines(audit_);
    if (!lines) break;
    telemetry_.take_audit(*lines);
  }
  telemetry_.flush();
  drains_ = true;
  drain_deadline_ = parts_.loop.now() + drain.time_limit;
  drain_limit_.set(telemetry_.is_done() ? parts_.loop.now() : drain_deadline_);
}

void Service::end_drain() {
  drains_ = false;
  reporter_.flush();
  parts_.send({.kind = Message::Kind::drained, .number = static_cast<uint32_t>(telemetry_.waiting_posts())});
}

}  // namespace ostiary::relay
