// selftest/network_attempt.h: an attempt to get out over the network, from first packet to finding.
// Never waits: several attempts run side by side.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "finding.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/dns/reply.h"
#include "ostiary/dns/tcp_frame.h"
#include "probe_socket.h"

namespace ostiary::selftest {

// A question for a name that no rule lists.
struct UnlistedName {
  uint16_t id = 0;
  dns::Question question;

  // A random label under a domain that does not exist, so that no cache has an answer.
  static Result<UnlistedName> make();
};

// The DNS message, without the length prefix of TCP.
std::vector<uint8_t> query(const UnlistedName& name);

// Whether an answer denies the name. Only NXDOMAIN and REFUSED do.
Finding judge(std::span<const uint8_t> answer, const UnlistedName& name);

// The result that the attempt tries to get.
enum class Goal : uint8_t {
  way_out,        // a packet that leaves, or a connection that opens
  server_answer,  // an answer for an unlisted name, from a server that is not the gate
  gate_answer     // the same from the gate, which must answer with a denial
};

struct AttemptPlan {
  std::string name;
  Transport transport = Transport::tcp;
  AddressPort target = {};
  Goal goal = Goal::way_out;
};

class NetworkAttempt {
 public:
  // Opens the socket if it must accept packets of this machine only, because that requires
  // CAP_NET_ADMIN. Otherwise start() opens it.
  static Result<NetworkAttempt> prepare(AttemptPlan plan, const UnlistedName& unlisted);
  Result<> start();

  const std::optional<Finding>& finding() const { return finding_; }
  const std::string& name() const { return plan_.name; }
  const inet::IpAddress& destination() const { return plan_.target.address; }

  // For poll(2), until there is a finding.
  int fd() const { return fd_.get(); }
  short events() const { return events_; }
  void on_ready();
  void on_time_out(std::chrono::milliseconds patience);

 private:
  NetworkAttempt(AttemptPlan plan, const UnlistedName& unlisted)
      : plan_(std::move(plan)), unlisted_(unlisted) {}

  bool waits() const;
  bool accepts_this_machine_only() const;
  Result<> open();
  void connect();
  void send_datagram();
  void send_over_connection();
  void receive();
  void found(Finding finding) { finding_ = std::move(finding); }
  Finding not_sent(int error) const;
  Finding came_back(int error, const std::optional<IcmpError>& icmp) const;

  AttemptPlan plan_;
  UnlistedName unlisted_;
  UniqueFd fd_;
  short events_ = 0;
  bool connected_ = false;
  dns::TcpFrames frames_;
  std::optional<Finding> finding_;
};

}  // namespace ostiary::selftest
