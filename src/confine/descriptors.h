// confine/descriptors.h: only standard input, output and error survive an exec.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::confine {

// Marks every descriptor above 2 to close at exec, and reads each mark back.
Result<> close_descriptors_at_exec();

}  // namespace ostiary::confine
