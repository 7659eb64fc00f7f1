// base/standard_descriptors.h: 0, 1 and 2 are input, output and error, or nothing; never something we open
// later.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary {

// Puts /dev/null where one of them is closed.
Result<> fill_standard_descriptors();

}  // namespace ostiary
