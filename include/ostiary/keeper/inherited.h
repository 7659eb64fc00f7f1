// keeper/inherited.h: what a helper's process receives from the keeper at its start: its setup, and
// descriptors by name.
// - The names are exactly the ones that the process expects. An unknown or missing name is an
//   error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::keeper {

class Inherited {
 public:
  // Every helper has this descriptor.
  static constexpr std::string_view channel = "channel";

  // Call it once, and before the process opens a descriptor: a new descriptor could get the number
  // of one that was not inherited. Exit::usage: the keeper has not started this process.
  static Result<Inherited> receive(const char* process_name, const std::vector<std::string_view>& names);

  const std::string& setup() const { return setup_; }
  // Invalid if the keeper has none, or the name was taken before.
  UniqueFd take(std::string_view name);

 private:
  struct Named {
    std::string name;
    UniqueFd fd;
  };

  std::string setup_;
  std::vector<Named> descriptors_;
};

}  // namespace ostiary::keeper
