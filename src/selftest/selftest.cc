#include "ostiary/selftest/selftest.h"

#include <algorithm>

#include "ostiary/nft/egress_counter.h"
#include "probe.h"

namespace ostiary::selftest {
namespace {

// For fork, confinement and the attempts before the wait, on a loaded machine.
constexpr std::chrono::milliseconds time_to_try{9000};

// The second try waits for a fraction: the first was silent for the whole time.
constexpr int second_try_divisor = 4;

auto count(std::span<const Attempt> attempts, Outcome outcome) {
  return std::ranges::count(attempts, outcome, &Attempt::outcome);
}

Result<> expect_all_held(std::span<const Attempt> attempts) {
  const auto first = std::ranges::find(attempts, Outcome::escaped, &Attempt::outcome);
  if (first == attempts.end()) return {};
  std::string message = first->name + " got out: " + first->detail;
  if (const auto others = count(attempts, Outcome::escaped) - 1; others > 0)
    message +=
        "; and " + std::to_string(others) + " more of " + std::to_string(attempts.size()) + " attempts";
  return fail(Exit::unavailable, std::move(message));
}

Result<std::vector<Attempt>> run_in_child(Probe& probe, const confine::Identity& identity,
                                          const Targets& targets) {
  return probe.try_in_child(identity, time_to_try + targets.patience);
}

// A packet that another table dropped is not answered, and neither is one that left. Octets that
// left during the forgeries may have been another process's. Packet counters show the difference,
// while the attempts run again.
Result<std::vector<Attempt>> try_again(const confine::Identity& identity, Targets targets,
                                       std::span<const std::string> names) {
  targets.patience /= second_try_divisor;
  Probe probe = TRY(Probe::prepare_again(identity, targets, names));
  const auto watched = probe.watched();
  std::vector<nft::Counted> addresses;
  for (const Probe::Watched& each : watched) addresses.push_back(each.address);
  const auto egress_counter = TRY(nft::EgressCounter::begin(addresses));
  auto attempts = TRY(run_in_child(probe, identity, targets));
  const auto left = TRY(egress_counter.read());
  if (attempts.size() != left.size()) return fail(Exit::unavailable, "the second report lacks attempts");
  for (size_t i = 0; i < attempts.size(); ++i) {
    if (attempts[i].outcome != Outcome::unanswered) continue;
    const Finding finding =
        left[i] == 0 ? watched[i].if_none_leaves : escaped(std::to_string(left[i]) + " of its packets left");
    attempts[i] = attempt(attempts[i].name, finding);
  }
  return attempts;
}

// Afterwards no attempt is unanswered. If the second try fails, the attempts have escaped.
void resolve_unanswered(std::vector<Attempt>& attempts, const confine::Identity& identity,
                        const Targets& targets) {
  std::vector<std::string> names;
  for (const Attempt& each : attempts)
    if (each.outcome == Outcome::unanswered) names.push_back(each.name);
  if (names.empty()) return;
  const auto again = try_again(identity, targets, names);
  for (Attempt& each : attempts) {
    if (each.outcome != Outcome::unanswered) continue;
    each.outcome = Outcome::escaped;
    if (!again) continue;
    const auto second = std::ranges::find(*again, each.name, &Attempt::name);
    if (second != again->end()) each = *second;
  }
}

Result<std::vector<Attempt>> run_probe(const confine::Identity& identity, const Targets& targets,
                                       const RecordFn& record) {
  Probe probe = TRY(Probe::prepare(identity, targets));
  auto attempts = TRY(run_in_child(probe, identity, targets));
  resolve_unanswered(attempts, identity, targets);
  if (record) std::ranges::for_each(attempts, record);
  TRY(expect_all_held(attempts));
  return attempts;
}

}  // namespace

std::string text(const AddressPort& place) {
  const std::string address = place.address.text();
  const bool v6 = place.address.family() == inet::Family::ipv6;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(place.port);
}

std::string_view text(Outcome outcome) {
  switch (outcome) {
    case Outcome::escaped:
      return "escaped";
    case Outcome::held:
      return "held";
    case Outcome::not_applicable:
      return "not applicable";
    case Outcome::dropped:
      return "dropped by other rules";
    case Outcome::unanswered:
      return "unanswered";
  }
  return "escaped";
}

Result<std::vector<Attempt>> run(const confine::Identity& identity, const Targets& targets,
                                 const RecordFn& record) {
  auto attempts = run_probe(identity, targets, record);
  if (!attempts) return std::unexpected(std::move(attempts).error().within("self-test"));
  return attempts;
}

std::string summary(std::span<const Attempt> attempts) {
  std::string line = std::to_string(attempts.size()) +
                     " attempts to get out: " + std::to_string(count(attempts, Outcome::held)) + " held";
  for (const Outcome outcome : {Outcome::dropped, Outcome::not_applicable, Outcome::escaped})
    if (const auto some = count(attempts, outcome); some > 0)
      line += ", " + std::to_string(some) + " " + std::string(text(outcome));
  return line;
}

}  // namespace ostiary::selftest
