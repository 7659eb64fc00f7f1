// expectations.h: what the kernel must say of a confined process before it may go on.
// Each stands for a step that could have failed in silence.
#pragma once

#include <cstdint>
#include <span>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "process_status.h"

namespace ostiary::confine {

// Who the process was to become.
struct Wanted {
  const Identity& identity;
  uint64_t kept;  // the capabilities a root agent keeps, as a mask
};

struct Expectation {
  const char* what;  // for the error, with the cure where there is one
  bool (*holds)(const Wanted& wanted, const ProcessStatus& is);
};

// All of them but the filter's, which is installed last.
std::span<const Expectation> expectations();

// The first that does not hold is the error.
Result<> read_back(std::span<const Expectation> expectations, const Wanted& wanted, const ProcessStatus& is);

}  // namespace ostiary::confine
