// hunt/upstream.h: the resolver that the gate asks.
// - It answers for the allowed name, and tells the judge the address.
// - It answers for the collector's name if the relay has one: the gate asks for the relay.
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
  Upstream(Judge& judge, Shared& shared, Reports& reports, Collector collector)
      : judge_(judge), shared_(shared), reports_(reports), collector_(collector) {}

  // Empty if the message gets no answer.
  std::vector<uint8_t> answer(std::span<const uint8_t> message);

 private:
  Judge& judge_;
  Shared& shared_;
  Reports& reports_;
  Collector collector_;
};

}  // namespace ostiary::hunt
