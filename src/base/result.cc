#include "ostiary/base/result.h"

namespace ostiary {

Error Error::system(std::string_view what, Exit exit) {
  const int saved = errno;
  return {exit, std::string(what) + ": " + std::strerror(saved)};
}

Error Error::within(std::string_view where) && {
  return {exit, std::string(where) + ": " + std::move(message)};
}

std::unexpected<Error> fail(Exit exit, std::string message) {
  return std::unexpected(Error{exit, std::move(message)});
}

}  // namespace ostiary
