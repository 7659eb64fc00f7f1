// selftest/name_attempt.h: TLS hellos that the gate must refuse, to a listener of the self-test's own on loopback.
// - The rules treat flows to that port as those to an address that a name opens. Only one name is allowed there.
// - The probe has both ends: what the listener's end receives has got out.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "finding.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::selftest {

class NameAttempt {
 public:
  enum class Kind : uint8_t { unlisted_name, no_name, second_hello };

  // Runs in the keeper: opens the listener. Empty if this network has no such family.
  static Result<std::optional<NameAttempt>> prepare(inet::Family family, std::chrono::milliseconds patience);

  // Run as the agent.
  Attempt try_hello(Kind kind) const;

 private:
  NameAttempt(inet::Family family, UniqueFd listener, std::chrono::milliseconds patience)
      : family_(family), listener_(std::move(listener)), patience_(patience) {}
  Finding find(Kind kind) const;

  inet::Family family_;
  UniqueFd listener_;
  std::chrono::milliseconds patience_;
};

}  // namespace ostiary::selftest
