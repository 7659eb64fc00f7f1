// base/standard_descriptors.h: keeps descriptors 0, 1 and 2 for input, output and error.
// No file that we open later can get one of these numbers.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary {

// Opens /dev/null on each of the three that is closed.
Result<> fill_standard_descriptors();

}  // namespace ostiary
