// hunt/reports.h: writes findings to standard output, each as a line of JSON.
// - A class of findings is written a few times, and again after the operator begins an epoch.
// - Several threads may report.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "observation.h"
#include "shared.h"

namespace ostiary::hunt {

class Reports {
 public:
  explicit Reports(Shared& shared) : shared_(shared) {}

  // `observation`: of the packet; null if the finding is not a packet.
  void report(const std::string& what, const Observation* observation, std::span<const uint8_t> packet,
              std::optional<uint64_t> seed, std::string_view evidence = {});

 private:
  Shared& shared_;
  std::mutex mutex_;
  uint32_t epoch_ = 0;
  std::map<std::string, size_t> counts_;
};

}  // namespace ostiary::hunt
