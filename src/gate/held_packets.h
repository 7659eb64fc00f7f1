// gate/held_packets.h: packets that wait in the kernel for a later verdict.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "limits.h"
#include "ostiary/event/deadline.h"
#include "ostiary/inet/connection.h"
#include "ostiary/nft/flow_queue.h"

namespace ostiary::gate {

// Of one flow. Each verdict is for all of them.
class HeldPackets {
 public:
  void add(uint32_t packet) { packets_.push_back(packet); }
  bool empty() const { return packets_.empty(); }
  size_t size() const { return packets_.size(); }

  void pass(nft::FlowJudge& judge) {
    for (const uint32_t packet : std::exchange(packets_, {})) judge.pass(packet);
  }
  void drop(nft::FlowJudge& judge) {
    for (const uint32_t packet : std::exchange(packets_, {})) judge.drop(packet);
  }
  // Refuses the flow. The rules answer the first packet with a reset.
  void refuse(nft::FlowJudge& judge, const inet::Connection& flow) {
    if (judge.refuse(flow) && !packets_.empty()) {
      judge.reset(packets_.front());
      packets_.erase(packets_.begin());
    }
    drop(judge);
  }

 private:
  std::vector<uint32_t> packets_;
};

// When to drop the packets of flows that end within a name. They wait for a moment, because usually the rest follows at
// once. They do not wait for longer, because the kernel delays small writes until something is acknowledged: it sends
// them again with the rest.
class Holds {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void add(const inet::Connection& flow, Time now) { holds_.push_back({now + limits::hold_time, flow}); }
  size_t size() const { return holds_.size(); }
  event::Deadline due() const {
    return holds_.empty() ? event::Deadline() : event::Deadline(holds_.front().until);
  }
  // The next flow whose packets have waited for long enough.
  std::optional<inet::Connection> next(Time now) {
    if (holds_.empty() || holds_.front().until > now) return std::nullopt;
    const inet::Connection flow = holds_.front().flow;
    holds_.pop_front();
    return flow;
  }

 private:
  struct Hold {
    Time until;
    inet::Connection flow;
  };
  std::deque<Hold> holds_;  // in order
};

}  // namespace ostiary::gate
