// nft/untracked_flows.h: flows over IPv6 that are opened by a name, on a kernel that does not track them.
// - Two sets of the table take the place of the flow's mark: `nameless6`, to which the rules add a flow that begins,
//   and `opened6`. A flow in neither is denied.
// - The changes come from the netlink port that makes the admissions.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::nft {

class UntrackedFlows {
 public:
  // The socket must outlive the UntrackedFlows.
  explicit UntrackedFlows(netlink::Socket& socket);

  // Makes the flow nameless.
  void begin(const inet::Connection& connection);
  // Moves a nameless flow to those that are open, or out of both sets. False: it is not nameless.
  bool open(const inet::Connection& connection);
  bool close(const inet::Connection& connection);
  bool is_nameless(const inet::Connection& connection);

 private:
  bool commit();
  void put(uint16_t type, uint16_t flags, const char* set, const inet::Connection& connection);

  netlink::Socket* socket_;
  netlink::Batch batch_;
};

}  // namespace ostiary::nft
