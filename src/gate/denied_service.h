// gate/denied_service.h: records the packets that the rules denied.
#pragma once

#include <cstdint>

#include "ledger.h"
#include "ostiary/base/result.h"
#include "ostiary/event/loop.h"
#include "ostiary/nft/denied_log.h"
#include "recorder.h"

namespace ostiary::gate {

class DeniedService {
 public:
  // All must outlive the DeniedService.
  DeniedService(event::Loop& loop, nft::DeniedLog& log, const Ledger& ledger, Recorder& recorder)
      : loop_(loop), log_(log), ledger_(ledger), recorder_(recorder) {}

  // With empty sets the self-test follows. It causes all denials until end_self_test().
  Result<> start(InitialSets initial_sets);
  // Records what the self-test caused. The agent causes all later denials.
  Result<> end_self_test();
  // Ends the log and records the rest of it.
  Result<> end();

 private:
  // Returns the number of events.
  Result<size_t> record();
  Result<> record_all();

  event::Loop& loop_;
  nft::DeniedLog& log_;
  const Ledger& ledger_;
  Recorder& recorder_;
  uint64_t recorded_lost_ = 0;  // denials without an event that the audit already counts
  event::Watch watch_;
};

}  // namespace ostiary::gate
