// selftest/impostor.h: answers to the gate in the name of its upstream.
// If the upstream is at an address of this host, a process that can bind the port could answer the
// gate, and so have any address admitted.
#pragma once

#include <chrono>
#include <vector>

#include "finding.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

class Impostor {
 public:
  // Runs in the keeper. Opens sockets that ask as the gate does, with its mark and as its user.
  static Result<Impostor> prepare(const AddressPort& upstream, const Targets& targets);

  // Run as the agent. They bind the upstream's address and port beside the real server, and answer
  // the sockets' question: one octet, which is no question to a real resolver.
  Attempt answer_datagrams() const;
  Attempt accept_connections() const;

 private:
  Impostor(const AddressPort& upstream, std::chrono::milliseconds patience)
      : upstream_(upstream), patience_(patience) {}
  bool becomes_readable(const UniqueFd& fd) const;

  AddressPort upstream_;
  std::chrono::milliseconds patience_;  // for each packet
  // Several, because the kernel distributes them among the sockets that listen.
  std::vector<UniqueFd> datagrams_;
  std::vector<UniqueFd> connections_;
};

}  // namespace ostiary::selftest
