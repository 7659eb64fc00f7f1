// gate/name_check.h: which of the flows that wait in the kernel may go on: those whose TLS hello names a host that they
// may have (name_rules.h). Flows of HTTP it hands to the RequestCheck.
// - The name in a hello passes only if it is allowed, and nothing but early data after the hello until the server's first
//   octets are there: after a HelloRetryRequest the hello that follows must name the same host.
// - A flow goes on once the server has what was read: with its answer to the first hello, or when it has acknowledged the
//   second. Until then octets that are sent again are compared: the sender can change the memory from which it sends.
// - A refused flow gets a reset from the rules, and the audit the name that it asked for.
// - Bounded: beyond limits::nameless_flows the oldest is refused. A flow that the gate forgets never passes.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "held_packets.h"
#include "name_rules.h"
#include "ostiary/event/deadline.h"
#include "ostiary/inet/hash.h"
#include "ostiary/nft/flow_queue.h"
#include "ostiary/tls/client_hello.h"
#include "recorder.h"
#include "request_check.h"

namespace ostiary::gate {

class NameCheck {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // All must outlive the NameCheck.
  struct Dependencies {
    nft::FlowJudge& judge;
    NameRules rules;
    Recorder& recorder;
  };
  NameCheck(Dependencies dependencies, tls::EncryptedHello encrypted)
      : dependencies_(dependencies),
        encrypted_(encrypted),
        requests_(dependencies.judge, dependencies.rules, dependencies.recorder) {}

  // Gives the packet a verdict, now or in a later call.
  void take(const nft::WaitingPacket& packet, Time now);

  // When to call expire(), which refuses or forgets the flows that have waited too long.
  event::Deadline due() const;
  void expire(Time now);

  size_t size() const { return by_connection_.size() + requests_.size(); }

 private:
  struct Flow {
    enum class Waits : uint8_t { for_hello, for_answer, for_second_hello, for_acknowledgement };

    inet::Connection connection;
    std::optional<uint32_t> uid;
    Time until;
    Waits waits = Waits::for_hello;
    uint32_t first = 0;              // the sequence number of the first octet
    std::vector<uint8_t> sent = {};  // by the agent, from that octet on
    size_t passed = 0;               // octets of those that have passed
    HeldPackets packets = {};        // with the octets after those
    size_t hello = 0;                // octets up to the end of the first hello
    size_t judged = 0;               // octets that the server must have, if only that is awaited
    std::string name = {};           // that it names
    uint32_t first_answer = 0;       // the sequence number of the server's first octet
    std::vector<uint8_t> answer = {};
  };
  using Flows = std::list<Flow>;

  void begin(const nft::WaitingPacket& packet, Time now);
  static bool is_again(const Flow& flow, const nft::WaitingPacket& syn);
  void take_unknown(const nft::WaitingPacket& packet, Time now);
  void take_sent(Flow& flow, const nft::WaitingPacket& packet, Time now);
  void take_answer(Flow& flow, const nft::WaitingPacket& packet, Time now);
  void read_answer(Flow& flow, const nft::WaitingPacket& packet, Time now);
  void read_hello(Flow& flow, const nft::WaitingPacket& packet, Time now);
  void take_part_of_hello(Flow& flow, const tls::NameSoFar& found, Time now);
  void read_second_hello(Flow& flow, Time now);
  void take_fault(Flow& flow, const nft::WaitingPacket& packet, tls::HelloFault fault, Time now);
  void hold_unfinished(Flow& flow, Time now);
  void await_acknowledgement(Flow& flow, size_t octets, Time now);
  void hand_over(Flow& flow, const nft::WaitingPacket& packet, Time now);
  std::string_view objection_to(const Flow& flow, std::string_view name) const;

  void hold(Flow& flow, uint32_t packet);
  void pass_waiting(Flow& flow);
  void drop_waiting(Flow& flow);
  void reset(Flow& flow);
  // These forget the flow.
  void permit(Flow& flow);
  void refuse(Flow& flow, std::string_view name, std::string_view reason, Time now);
  void refuse_at(Flow& flow, const nft::WaitingPacket& packet, std::string_view name, std::string_view reason,
                 Time now);
  void forget(const Flow& flow);

  void audit(const Flow& flow, std::string_view name, std::string_view reason, Time now);
  Flows& place_of(const Flow& flow);
  void move(Flow& flow, Flows& to, Time until);
  Flow& oldest();
  void make_room(size_t flows, Time now);
  void drop_held(Time now);
  static bool has_changed(const Flow& flow, size_t offset, std::span<const uint8_t> again);

  Dependencies dependencies_;
  tls::EncryptedHello encrypted_;
  RequestCheck requests_;
  // By the time until which they may wait.
  Flows silent_;        // that have sent nothing
  Flows unfinished_;    // hellos
  Flows answering_;     // servers
  Holds holds_;         // of unfinished hellos
  size_t waiting_ = 0;  // packets of all flows
  size_t octets_ = 0;   // that the flows have sent
  std::unordered_map<inet::Connection, Flows::iterator, inet::ConnectionHash> by_connection_;
};

}  // namespace ostiary::gate
