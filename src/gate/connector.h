// gate/connector.h: connects for the relay, which cannot (link/connections.h).
// - The connections have the gate's mark, so that the rules let them out.
// - A name is resolved anew for each connection. Its addresses are tried one after the other.
// - The gate never reads from these connections: their octets are the relay's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/dns/message.h"
#include "ostiary/event/loop.h"
#include "ostiary/link/connections.h"
#include "ostiary/link/gate_setup.h"
#include "relayed_names.h"

namespace ostiary::gate {

class Connector {
 public:
  // All must outlive the Connector. `relay` is the gate's end of the pair; invalid without a relay.
  struct Dependencies {
    event::Loop& loop;
    const Setup& setup;
    RelayedNames& names;
    const UniqueFd& relay;
  };
  explicit Connector(Dependencies dependencies);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  Result<> start();

 private:
  class Attempt;

  Result<> receive();
  void begin(link::ConnectRequest request);
  void end(uint64_t number, const link::ConnectReply& reply, UniqueFd socket = {});
  std::vector<dns::RecordType> types() const;

  Dependencies dependencies_;
  uint64_t next_number_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<Attempt>> attempts_;
  std::vector<std::unique_ptr<Attempt>> ended_;  // whose call may still run
  event::Watch watch_;
  event::IdleHook forget_ended_;
};

}  // namespace ostiary::gate
