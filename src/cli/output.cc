#include "output.h"

#include <cstdio>

namespace ostiary::cli {

Result<int> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return std::unexpected(Error::system("cannot write to standard output", Exit::unavailable));
  return 0;
}

}  // namespace ostiary::cli
