// few_files.h: a limit of the files that this process can open, for a test.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "ostiary/base/unique_fd.h"

namespace ostiary::testing {

// While it exists, at most `most` further files can be open at a time. One can always be, if that
// is not 0.
class FewFiles {
 public:
  explicit FewFiles(unsigned most) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const UniqueFd next{::open("/", O_PATH | O_CLOEXEC)};
    REQUIRE(next.valid());
    const rlimit few{.rlim_cur = static_cast<rlim_t>(next.get()) + most, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  FewFiles(const FewFiles&) = delete;
  FewFiles& operator=(const FewFiles&) = delete;
  ~FewFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace ostiary::testing
