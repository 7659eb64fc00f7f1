// nft/flow_queue.h: the packets of nameless flows, which wait in the kernel for the gate's verdict (NFQUEUE).
// - When the gate ends, the kernel drops what waits.
// - The octets of a packet are a copy of the kernel's own: the sender cannot change them afterwards. For that the
//   queue must not ask for packets of more than one segment (NFQA_CFG_F_GSO).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/flow_marks.h"
#include "ostiary/nft/marks.h"
#include "ostiary/nft/untracked_flows.h"

namespace ostiary::nft {

struct WaitingPacket {
  enum class From : uint8_t { agent, server };

  uint32_t id = 0;
  From from{};
  inet::Connection connection;  // the agent's end is the local one
  uint32_t sequence = 0;
  std::optional<uint32_t> acknowledged = {};
  bool begins = false;  // a SYN without ACK
  bool ends = false;    // a FIN
  bool is_urgent = false;
  std::span<const uint8_t> data;
  std::optional<uint32_t> uid;
};

// The flow's state when the gate looks at a packet of it.
enum class FlowState : uint8_t { nameless, permitted, refused, gone };

// Verdicts, behind an interface that tests can fake. A verdict that does not reach the kernel leaves the packet
// waiting until the gate ends; it never passes.
class FlowJudge {
 public:
  virtual ~FlowJudge() = default;

  // One packet of a flow that stays nameless.
  virtual void pass(uint32_t packet) = 0;
  // The same, and the kernel has it before the next verdict.
  virtual void pass_now(uint32_t packet) = 0;
  virtual void drop(uint32_t packet) = 0;
  // The rules answer a packet of a refused flow with a reset.
  virtual void reset(uint32_t packet) = 0;

  // A flow begins: it is nameless, whatever was judged of an earlier one with its addresses and ports. False: its SYN
  // must not pass; the kernel may have had the earlier one still, and does not have it any more.
  virtual bool begin(const inet::Connection& connection) = 0;
  // All later packets that the agent sends in this flow wait; what the server answers does not.
  virtual bool follow(const inet::Connection& connection) = 0;
  // All later packets of the flow. False: there is no such flow any more.
  virtual bool permit(const inet::Connection& connection) = 0;
  virtual bool refuse(const inet::Connection& connection) = 0;
  virtual FlowState state(const inet::Connection& connection) = 0;
};

namespace limits {
inline constexpr uint32_t waiting_packets = 4096;  // the kernel drops those beyond
}  // namespace limits

class FlowQueue final : public FlowJudge {
 public:
  // A network namespace allows one listener for each queue.
  static Result<FlowQueue> open(uint16_t queue, uint32_t gate_mark);
  // IPv6 is not tracked. Changes go through this socket, which must outlive the FlowQueue.
  void use_sets_for_ipv6(netlink::Socket& socket) { untracked_.emplace(socket); }

  int fd() const { return socket_.fd(); }

  // Sends the verdicts since the last call to the kernel.
  void flush();
  // The next packet that waits. Valid until the next call. A packet that cannot be read is dropped.
  Result<std::optional<WaitingPacket>> next();

  void pass(uint32_t packet) override;
  void pass_now(uint32_t packet) override;
  void drop(uint32_t packet) override;
  void reset(uint32_t packet) override;
  bool begin(const inet::Connection& connection) override;
  bool follow(const inet::Connection& connection) override;
  bool permit(const inet::Connection& connection) override;
  bool refuse(const inet::Connection& connection) override;
  FlowState state(const inet::Connection& connection) override;

 private:
  FlowQueue(netlink::Socket socket, FlowMarks marks, uint16_t queue, uint32_t gate_mark);
  void answer(uint32_t packet, uint32_t verdict);
  bool is_untracked(const inet::Connection& connection) const;
  std::optional<WaitingPacket> read(const netlink::Message& message);

  netlink::Socket socket_;
  FlowMarks marks_;
  uint16_t queue_;
  AgentMarks agents_;
  std::optional<UntrackedFlows> untracked_;
  std::vector<uint8_t> buffer_;
  std::vector<uint8_t> verdicts_;
  size_t verdicts_size_ = 0;
};

}  // namespace ostiary::nft
