#include "probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include <poll.h>

#include "attempt_plans.h"
#include "ostiary/base/as_user.h"
#include "ostiary/base/record.h"
#include "ostiary/keeper/spawn.h"
#include "privileges.h"
#include "probe_socket.h"
#include "sent_octets.h"

namespace ostiary::selftest {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int forgery_rounds = 2;

bool has_source_route(const Forgery& forgery) {
  return forgery.kind == Forgery::Kind::routing_header || forgery.kind == Forgery::Kind::source_route;
}

// The refusal of a packet with a source route goes to this host, so errno shows it.
Finding judge(const Forgery& forgery, int error) {
  const std::string reason = error == 0 ? "the kernel accepted it" : std::strerror(error);
  const bool is_failure = error != 0;
  if (is_failure && classify(error) == Failure::no_such_socket) return not_applicable(reason);
  if (is_failure && has_source_route(forgery) && classify(error) == Failure::refused) return held(reason);
  return unanswered(reason);
}

std::vector<Attempt> forge_each(std::span<const Forgery> forgeries) {
  std::vector<Attempt> attempts;
  for (const Forgery& forgery : forgeries)
    attempts.push_back(attempt(forgery.name, judge(forgery, forge(forgery))));
  return attempts;
}

Finding nothing_left(const std::string& result) {
  return held("nothing left this machine: " + result);
}

// Waits until each attempt has a finding, or the time is up.
Result<> await(std::vector<NetworkAttempt>& network_attempts, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::vector<pollfd> waiting;
  std::vector<NetworkAttempt*> waited_for;
  for (;;) {
    waiting.clear();
    waited_for.clear();
    for (NetworkAttempt& network_attempt : network_attempts) {
      if (network_attempt.finding()) continue;
      waiting.push_back({network_attempt.fd(), network_attempt.events(), 0});
      waited_for.push_back(&network_attempt);
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (waiting.empty() || left <= milliseconds(0)) return {};
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(Error::system("poll", Exit::unavailable));
    for (size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) waited_for[i]->on_ready();
  }
}

// ---- the child's report: a record of its attempts

constexpr std::array every_outcome{Outcome::escaped, Outcome::held, Outcome::not_applicable, Outcome::dropped,
                                   Outcome::unanswered};

Result<std::string> try_and_render(const void* work) {
  Probe& probe = **static_cast<Probe* const*>(work);
  RecordWriter report;
  for (const Attempt& each : TRY(probe.try_to_get_out())) {
    report.enumerator(each.outcome).text(each.name).text(each.detail);
    report.number(static_cast<uint32_t>(each.warnings.size()));
    for (const std::string& warning : each.warnings) report.text(warning);
  }
  return report.take();
}

Result<std::vector<Attempt>> parse_report(std::string_view octets) {
  RecordReader reader(octets);
  std::vector<Attempt> attempts;
  while (!reader.complete() && !reader.failed()) {
    const Outcome outcome = reader.enumerator(every_outcome);
    std::string name = reader.text();
    attempts.push_back({.name = std::move(name), .outcome = outcome, .detail = reader.text()});
    for (uint32_t left = reader.number(); left > 0 && !reader.failed(); --left)
      attempts.back().warnings.push_back(reader.text());
  }
  if (reader.failed()) return fail(Exit::unavailable, "the report is malformed");
  if (attempts.empty()) return fail(Exit::unavailable, "the report is empty");
  return attempts;
}

}  // namespace

Result<Probe> Probe::prepare(const confine::Identity& agent, const Targets& targets) {
  Probe probe(agent, targets);
  AttemptPlans attempt_plans = plan_attempts(targets);
  probe.left_out_ = std::move(attempt_plans.left_out);
  probe.forgeries_ = TRY(choose_forgeries());
  probe.doors_ = find_doors(agent.home);
  for (const AddressPort& upstream : targets.local_upstreams)
    probe.impostors_.push_back(TRY(Impostor::prepare(upstream, targets)));
  if (targets.names == Targets::Names::read)
    for (const inet::Family family : {inet::Family::ipv4, inet::Family::ipv6})
      if (auto prepared = TRY(NameAttempt::prepare(family, targets.patience)))
        probe.name_attempts_.push_back(*std::move(prepared));
  TRY(probe.take(std::move(attempt_plans.all), agent));
  return probe;
}

Result<Probe> Probe::prepare_again(const confine::Identity& agent, const Targets& targets,
                                   std::span<const std::string> names) {
  Probe probe(agent, targets);
  probe.scope_ = Scope::network;
  AttemptPlans attempt_plans = plan_attempts(targets);
  std::erase_if(attempt_plans.all, [names](const AttemptPlan& plan) {
    return plan.goal == Goal::gate_answer || std::ranges::find(names, plan.name) == names.end();
  });
  probe.forgeries_ = TRY(choose_forgeries());
  std::erase_if(probe.forgeries_, [names](const Forgery& forgery) {
    return std::ranges::find(names, forgery.name) == names.end();
  });
  TRY(probe.take(std::move(attempt_plans.all), agent));
  return probe;
}

Result<> Probe::take(std::vector<AttemptPlan> attempt_plans, const confine::Identity& agent) {
  const auto unlisted = TRY(UnlistedName::make());
  const AsUser of_the_agent(agent.uid, agent.gid);
  for (AttemptPlan& plan : attempt_plans)
    network_attempts_.push_back(TRY(NetworkAttempt::prepare(std::move(plan), unlisted)));
  return {};
}

std::vector<Probe::Watched> Probe::watched() const {
  std::vector<Watched> all;
  for (const NetworkAttempt& network_attempt : network_attempts_)
    all.push_back({{network_attempt.destination()},
                   {Outcome::dropped, "other rules dropped it: no packet left this machine"}});
  for (const Forgery& forgery : forgeries_)
    all.push_back({forgery.accomplice, held("nothing left this machine")});
  return all;
}

// If this namespace sends no octets during the forgeries, all of them are held. Other processes may
// send at the same time. The probe therefore measures twice, then falls back to packet counters.
std::vector<Attempt> Probe::forge_all() const {
  const auto routed = std::ranges::find_if(forgeries_, has_source_route);
  const std::span sources(forgeries_.begin(), routed);
  std::vector<Attempt> attempts;
  for (int round = 0; round < forgery_rounds; ++round) {
    const auto before = read_sent_octets();
    attempts = forge_each(sources);
    if (scope_ == Scope::network) break;
    if (!before || before != read_sent_octets()) continue;
    for (Attempt& each : attempts)
      if (each.outcome == Outcome::unanswered) each = attempt(each.name, nothing_left(each.detail));
    break;
  }
  std::ranges::move(forge_each({routed, forgeries_.end()}), std::back_inserter(attempts));
  return attempts;
}

Result<std::vector<Attempt>> Probe::try_to_get_out() {
  std::vector<Attempt> forged = forge_all();
  for (NetworkAttempt& network_attempt : network_attempts_) TRY(network_attempt.start());
  TRY(await(network_attempts_, targets_.patience));
  std::vector<Attempt> attempts;
  for (NetworkAttempt& network_attempt : network_attempts_) {
    if (!network_attempt.finding()) network_attempt.on_time_out(targets_.patience);
    attempts.push_back(attempt(network_attempt.name(), *network_attempt.finding()));
  }
  std::ranges::move(forged, std::back_inserter(attempts));
  if (scope_ == Scope::network) return attempts;
  std::ranges::copy(left_out_, std::back_inserter(attempts));
  std::ranges::move(try_privileges(targets_), std::back_inserter(attempts));
  for (const Impostor& impostor : impostors_) {
    attempts.push_back(impostor.answer_datagrams());
    attempts.push_back(impostor.accept_connections());
  }
  for (const NameAttempt& each : name_attempts_)
    for (const auto kind :
         {NameAttempt::Kind::unlisted_name, NameAttempt::Kind::no_name, NameAttempt::Kind::second_hello})
      attempts.push_back(each.try_hello(kind));
  const Doors by_agent = doors_.has_closed_directories ? find_doors(home_) : Doors{};
  attempts.push_back(attempt("a request to another process's Unix socket",
                             try_doors(doors_, by_agent, targets_.allowed_sockets)));
  return attempts;
}

Result<std::vector<Attempt>> Probe::try_in_child(const confine::Identity& identity, milliseconds time_limit) {
  Probe* const self = this;
  return parse_report(
      TRY(keeper::ask_confined(identity, time_limit, try_and_render, static_cast<const void*>(&self))));
}

}  // namespace ostiary::selftest
