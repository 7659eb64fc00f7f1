// outcome.h: helpers for a Result in tests.
#pragma once

#include <string>

#include "ostiary/base/result.h"

namespace ostiary {

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

// The exit status for the error; 0 if there is none.
template <typename T>
int status_of(const Result<T>& result) {
  return result ? 0 : static_cast<int>(result.error().exit);
}

}  // namespace ostiary
