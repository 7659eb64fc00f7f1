// gate/relayed_names.h: resolves the names of the relay's servers. They are no names of the agent: nothing is
// admitted in the kernel for them, and the agent's questions for them are denied unless a rule of the agent
// allows them.
#pragma once

#include <span>

#include "answerer.h"
#include "ledger.h"
#include "ostiary/audit/journal.h"
#include "ostiary/link/gate_setup.h"
#include "ostiary/policy/policy.h"
#include "recorder.h"

namespace ostiary::gate {

class RelayedNames {
 public:
  // The setup, the upstream, the budget and the loop must outlive the RelayedNames.
  RelayedNames(const Setup& setup, upstream::Upstream& upstream, WildcardBudget& wildcards, event::Loop& loop)
      : policy_(policy::Policy::compile(setup.relayed)),
        ledger_(nothing_, InitialSets::empty),
        recorder_(audit::Journal::none()),
        answerer_({.policy = policy_,
                   .upstream = upstream,
                   .ledger = ledger_,
                   .recorder = recorder_,
                   .wildcards = wildcards,
                   .clock = [&loop] { return loop.now(); }},
                  setup.terms, [](const Client&, std::span<const uint8_t>) {}) {}
  RelayedNames(const RelayedNames&) = delete;
  RelayedNames& operator=(const RelayedNames&) = delete;

  const policy::Policy& policy() const { return policy_; }
  Answerer& answerer() { return answerer_; }

 private:
  class Nothing final : public nft::AdmissionSet {
    Result<> admit(std::span<const nft::Admission>) override { return {}; }
    Result<> revoke(std::span<const nft::Admission>) override { return {}; }
  };

  policy::Policy policy_;
  Nothing nothing_;
  Ledger ledger_;
  Recorder recorder_;
  Answerer answerer_;
};

}  // namespace ostiary::gate
