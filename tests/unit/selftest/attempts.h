// selftest/attempts.h: common code of the self-test's tests.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "nft/client.h"
#include "ostiary/nft/table.h"
#include "ostiary/selftest/selftest.h"
#include "selftest/fake_gate.h"
#include "selftest/probe.h"
#include "waits.h"

namespace ostiary::test {

using selftest::Attempt;
using selftest::Outcome;

inline const confine::Identity nobody{
    .uid = 65534, .gid = 65534, .groups = {65534}, .name = "nobody", .home = "/", .shell = "/bin/sh"};
inline const confine::Identity root{
    .uid = 0, .gid = 0, .groups = {0}, .name = "root", .home = "/root", .shell = "/bin/sh"};

inline nft::Ruleset rules() {
  return {.gate_mark = gate_mark, .gate_port = fake_gate_port, .log_group = 5};
}

inline void apply_rules(const nft::Ruleset& ruleset = rules()) {
  const auto applied = nft::Table::open()->apply(ruleset, nft::Existing::replace);
  if (!applied) FAIL(applied.error().message);
}

// How long the attempts wait for answers. An attempt without one waits for the whole time. The
// answers of a gate may take longer than the shortest time on a busy machine.
inline constexpr std::array<std::chrono::milliseconds, 3> patience{
    std::chrono::milliseconds(4), std::chrono::milliseconds(100), std::chrono::milliseconds(2000)};

inline selftest::Targets targets(const FakeServer& gate) {
  return {.gate_port = fake_gate_port,
          .gate_mark = gate_mark,
          .gate_pid = gate.pid(),
          .permitted = {},
          .local_upstreams = {},
          .allowed_sockets = {},
          .root_only_file = {},
          .patience = patience.back()};
}
inline selftest::Targets impatient(selftest::Targets targets) {
  targets.patience = patience.front();
  return targets;
}

// The result with the shortest patience with which it is as expected, for attempts of which some
// are not answered. If it never is, that with the longest.
template <typename Try, typename AsExpected>
auto with_patience(selftest::Targets targets, Try attempt, AsExpected as_expected) {
  auto result = attempt(impatient(targets));
  for (const auto longer : std::span(patience).subspan(1)) {
    if (as_expected(result)) break;
    const testing::ExcusedWaits of_a_busy_machine;
    targets.patience = longer;
    result = attempt(targets);
  }
  return result;
}

// The names of the attempts with that outcome, one per line.
inline std::string names(const std::vector<Attempt>& attempts, Outcome outcome) {
  std::string text;
  for (const Attempt& each : attempts)
    if (each.outcome == outcome) text += each.name + "\n";
  return text;
}

inline std::string describe(const std::vector<Attempt>& attempts) {
  std::string text;
  for (const Attempt& each : attempts)
    text += std::string(selftest::text(each.outcome)) + ": " + each.name + ": " + each.detail + "\n";
  return text;
}

// Every attempt of a confined child, with its outcome. An unanswered attempt counts as escaped,
// because these tests do not count packets.
inline std::vector<Attempt> attempts_of(const confine::Identity& identity, const selftest::Targets& targets) {
  auto probe = selftest::Probe::prepare(identity, targets);
  if (!probe) FAIL(probe.error().message);
  auto attempts = probe->try_in_child(identity, std::chrono::seconds(5));
  if (!attempts) FAIL(attempts.error().message);
  for (Attempt& each : *attempts)
    if (each.outcome == Outcome::unanswered) each.outcome = Outcome::escaped;
  return *attempts;
}

inline std::vector<Attempt> attempts_until(const confine::Identity& agent, const selftest::Targets& targets,
                                           auto as_expected) {
  return with_patience(
      targets, [&](const selftest::Targets& each) { return attempts_of(agent, each); }, as_expected);
}

// The whole self-test.
inline Result<std::vector<Attempt>> run_until(const confine::Identity& agent,
                                              const selftest::Targets& targets, auto as_expected) {
  return with_patience(
      targets, [&](const selftest::Targets& each) { return selftest::run(agent, each); }, as_expected);
}

}  // namespace ostiary::test
