// selftest/denial.h: a question for a name that no rule lists, and whether an answer denies it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "finding.h"
#include "ostiary/dns/reply.h"

namespace ostiary::selftest {

struct UnlistedName {
  uint16_t id = 0;
  dns::Question question;

  // A random label under a domain that does not exist, so that no cache has an answer.
  static Result<UnlistedName> make();
};

// The DNS message, without the length prefix of TCP.
std::vector<uint8_t> query(const UnlistedName& name);

// Only NXDOMAIN and REFUSED are denials.
Finding judge(std::span<const uint8_t> answer, const UnlistedName& name);

}  // namespace ostiary::selftest
