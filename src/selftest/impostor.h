// impostor.h: an answer to the gate in the name of its upstream. Where that server is an address of this
// host, any process that may bind the port could give it, and have every address admitted.
#pragma once

#include <vector>

#include "finding.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

class Impostor {
 public:
  // By the keeper: sockets that ask as the gate does, with its mark and as its user.
  static Result<Impostor> prepare(const AddressPort& upstream, uint32_t gate_mark);

  // By the agent: binds the upstream's address and port beside whatever is there, and answers what the
  // sockets ask: one octet, which is no question to a real resolver.
  Attempt answer_datagrams() const;
  Attempt accept_connections() const;

 private:
  explicit Impostor(const AddressPort& upstream) : upstream_(upstream) {}

  AddressPort upstream_;
  // Several, since the kernel shares them out among those who listen.
  std::vector<UniqueFd> datagrams_;
  std::vector<UniqueFd> connections_;
};

}  // namespace ostiary::selftest
