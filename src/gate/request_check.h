// gate/request_check.h: flows of HTTP. Each request must name a host that the flow may have (name_rules.h).
// - What the agent sends waits for the gate as long as the flow lives. What the server answers does not.
// - A packet passes when all of its octets are read and none is in doubt: every line is well formed, each Host so far
//   may be the flow's, and no two servers could divide the requests differently.
// - A Host waits until it is whole: a server may choose the site by what is there.
// - The agent may not end the connection within a head: some servers serve what is there.
// - Heads, and what divides a body into chunks, are kept and compared when they are sent again: the sender can change
//   the memory from which it sends. The octets of a body may change.
// - Bounded: beyond its limits the flow that was silent for the longest is forgotten. It never passes again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "held_packets.h"
#include "name_rules.h"
#include "ostiary/event/deadline.h"
#include "ostiary/http/request_reader.h"
#include "ostiary/inet/hash.h"
#include "ostiary/nft/flow_queue.h"
#include "recorder.h"

namespace ostiary::gate {

class RequestCheck {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A flow that the agent has begun.
  struct Begun {
    inet::Connection connection;
    std::optional<uint32_t> uid;
    uint32_t first_sequence = 0;  // of its first octet
    bool ends = false;            // behind the octets that wait
  };

  // Both must outlive the RequestCheck.
  RequestCheck(nft::FlowJudge& judge, NameRules rules, Recorder& recorder)
      : judge_(judge), rules_(rules), recorder_(recorder) {}

  // Takes the flow with its octets so far, and the packets that hold them.
  void begin(const Begun& begun, std::span<const uint8_t> octets, HeldPackets packets, Time now);
  bool knows(const inet::Connection& connection) const { return by_connection_.contains(connection); }
  // Gives a packet of the agent in such a flow its verdict.
  void take(const nft::WaitingPacket& packet, Time now);
  void forget(const inet::Connection& connection);

  event::Deadline due() const;
  void expire(Time now);
  size_t size() const { return by_connection_.size(); }

 private:
  // Octets that were judged, from that place of the stream on.
  struct Piece {
    uint64_t place = 0;
    std::string octets;
  };
  struct Flow {
    Begun begun;
    Time until;
    uint64_t known = 0;                              // octets that were read
    uint64_t passed = 0;                             // octets of those that have passed
    HeldPackets packets = {};                        // with the octets after those
    std::optional<http::RequestReader> reader = {};  // of a request that has begun
    std::deque<Piece> heads = {};                    // in order
    size_t octets = 0;                               // in `heads`
    uint64_t compared_from = 0;                      // what was before is not kept

    // A piece may be as short as the size of a chunk.
    size_t memory() const { return octets + heads.size() * sizeof(Piece); }
  };
  struct Refusal {
    std::string name;  // that the request gave
    std::string_view why;
  };

  // Nothing: the octets may pass.
  std::optional<Refusal> read(Flow& flow, std::string_view octets);
  static std::optional<Refusal> refusal_of_end(const Flow& flow);
  std::optional<Refusal> refusal_of(const Flow& flow, const http::RequestHead& head) const;
  std::optional<Refusal> refusal_of_host(const Flow& flow, std::string_view host) const;
  std::optional<Refusal> refusal_so_far(const Flow& flow) const;
  void keep(Flow& flow, uint64_t place, std::string_view octets);
  static bool has_changed(const Flow& flow, uint64_t place, std::string_view again);
  void judge(Flow& flow, std::string_view fresh, bool ends, Time now);
  void hold(Flow& flow, Time now);
  void refuse(Flow& flow, const Refusal& refusal, Time now);
  void audit(const Flow& flow, const Refusal& refusal, Time now);
  void make_room(size_t flows);

  nft::FlowJudge& judge_;
  NameRules rules_;
  Recorder& recorder_;
  std::list<Flow> flows_;  // by the time of their last packet
  std::unordered_map<inet::Connection, std::list<Flow>::iterator, inet::ConnectionHash> by_connection_;
  Holds holds_;        // of unfinished Hosts
  size_t memory_ = 0;  // of all flows
};

}  // namespace ostiary::gate
