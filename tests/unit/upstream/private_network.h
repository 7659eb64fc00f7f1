// A network namespace for this thread with only a loopback interface. It exists as long as the
// object.
#pragma once

#include "ostiary/base/unique_fd.h"

namespace ostiary::testing {

class PrivateNetwork {
 public:
  PrivateNetwork();
  ~PrivateNetwork();
  PrivateNetwork(const PrivateNetwork&) = delete;
  PrivateNetwork& operator=(const PrivateNetwork&) = delete;

 private:
  UniqueFd before_;
};

// Prints the reason once per test case.
bool lacks_private_network();

// Drops CAP_NET_ADMIN and CAP_NET_RAW until the object ends.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin();
  ~WithoutNetAdmin();
  WithoutNetAdmin(const WithoutNetAdmin&) = delete;
  WithoutNetAdmin& operator=(const WithoutNetAdmin&) = delete;
};

}  // namespace ostiary::testing
