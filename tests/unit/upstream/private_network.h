// A network namespace of this thread's own, with nothing in it but a loopback interface, until the object
// ends.
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

// Says so once a test case.
bool lacks_private_network();

// Without CAP_NET_ADMIN and CAP_NET_RAW until the object ends.
class WithoutNetAdmin {
 public:
  WithoutNetAdmin();
  ~WithoutNetAdmin();
  WithoutNetAdmin(const WithoutNetAdmin&) = delete;
  WithoutNetAdmin& operator=(const WithoutNetAdmin&) = delete;
};

}  // namespace ostiary::testing
