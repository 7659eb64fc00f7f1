// confine/expectations.h: the state that the kernel must report for a confined process before the
// process may go on. Each expectation checks a step that could have failed silently.
#pragma once

#include <cstdint>
#include <span>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "process_status.h"

namespace ostiary::confine {

// What the process was to become.
struct Wanted {
  const Identity& identity;
  uint64_t kept;  // mask of the capabilities that a root agent keeps
};

struct Expectation {
  const char* what;  // for the error, with the remedy if there is one
  bool (*holds)(const Wanted& wanted, const ProcessStatus& is);
};

// All expectations except the one about the filter, which is installed last.
std::span<const Expectation> expectations();

// The error names the first expectation that does not hold.
Result<> read_back(std::span<const Expectation> expectations, const Wanted& wanted, const ProcessStatus& is);

}  // namespace ostiary::confine
