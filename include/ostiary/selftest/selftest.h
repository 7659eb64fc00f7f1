// selftest/selftest.h: before the agent starts, a probe that is confined exactly as the agent tries
// to get out.
// - An attempt counts as escaped unless the probe shows that it was held. A remote answer or
//   refusal is an escape.
// - An unanswered attempt runs again under packet counters (nft/egress_counter.h). It counts as
//   held only if no packet left.
// - While the rules hold, no packet leaves the machine. One that leaves reaches the next hop at
//   most, except the kernel's answer to a forged source, which is a documentation address.
// - No attempt changes anything, even if it succeeds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/selftest/socket_name.h"

namespace ostiary::selftest {

struct AddressPort {
  inet::IpAddress address;
  uint16_t port = 0;

  bool operator==(const AddressPort&) const = default;
};
// "192.0.2.53:53", "[2001:db8::53]:53"
std::string text(const AddressPort& place);

struct Targets {
  // The gate listens on 127.0.0.1 and, if the host has it, on ::1, over UDP and TCP.
  uint16_t gate_port = 0;
  uint32_t gate_mark = 0;
  pid_t gate_pid = 0;
  // Addresses that the rules permit on purpose: the policy's, and those that are admitted already.
  // If they cover every target of an attempt, it is not applicable.
  std::vector<nft::AddressRule> permitted;
  // Whether the gate reads names in TLS.
  enum class Names : uint8_t { ignored, read } names = Names::ignored;
  // Upstream servers at addresses of this host.
  std::vector<AddressPort> local_upstreams;
  // Unix sockets of other processes that the agent may connect to.
  std::vector<SocketWaiver> allowed_sockets;
  std::string root_only_file;  // only root may read it; it need not exist
  // How long an attempt waits for an answer. The gate answers in microseconds, but a container may
  // be short of processor time.
  std::chrono::milliseconds patience{1000};
  // How long an impostor of an upstream server waits for each packet. Loopback takes microseconds.
  // It waits only if the agent may bind the port.
  std::chrono::milliseconds loopback_patience{10};
};

enum class Outcome : uint8_t {
  escaped,
  held,
  not_applicable,
  dropped,     // by another table's rules; packet counters show that no packet left this machine
  unanswered,  // neither refused nor answered; run() tries it again, and replaces this outcome
};
std::string_view text(Outcome outcome);

struct Attempt {
  std::string name;  // "UDP to an unlisted IPv4 address"
  Outcome outcome = Outcome::escaped;
  std::string detail;                      // the evidence, for people
  std::vector<std::string> warnings = {};  // what the attempt could not show, for the log

  bool operator==(const Attempt&) const = default;
};

using RecordFn = std::function<void(const Attempt&)>;

// Forks a child, confines it as the agent and lets it try. No returned attempt has escaped: an
// escape is an error of Exit::unavailable that names it, and so is a child that ends too late.
// `record` receives every attempt, escaped ones too, before run() returns. Requires CAP_NET_ADMIN,
// and the rules and the gate in place.
Result<std::vector<Attempt>> run(const confine::Identity& identity, const Targets& targets,
                                 const RecordFn& record = {});

// "27 attempts to get out: 25 held, 2 not applicable"
std::string summary(std::span<const Attempt> attempts);

}  // namespace ostiary::selftest
