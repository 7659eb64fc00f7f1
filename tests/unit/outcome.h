// outcome.h: what a test asks of a Result.
#pragma once

#include <string>

#include "ostiary/base/result.h"

namespace ostiary {

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

// The status the program would end with; 0 where there is no error.
template <typename T>
int status_of(const Result<T>& result) {
  return result ? 0 : static_cast<int>(result.error().exit);
}

}  // namespace ostiary
