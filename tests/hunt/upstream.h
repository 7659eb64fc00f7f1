// hunt/upstream.h: the resolver that the gate asks.
// - It answers for the allowed name, and tells the judge the address.
// - It answers for the collector's name if the relay has one: the gate asks for the relay; and for the shared name
//   if names are checked.
// - A question for another name of the hunt is a finding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "judge.h"
#include "reports.h"
#include "shared.h"

namespace ostiary::hunt {

class Upstream {
 public:
  Upstream(Judge& judge, Shared& shared, Reports& reports, Collector collector, Names names)
      : judge_(judge), shared_(shared), reports_(reports), collector_(collector), names_(names) {}

  // Empty if the message gets no answer.
  std::vector<uint8_t> answer(std::span<const uint8_t> message);

 private:
  Judge& judge_;
  Shared& shared_;
  Reports& reports_;
  Collector collector_;
  Names names_;
};

}  // namespace ostiary::hunt
