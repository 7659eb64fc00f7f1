// nft/untracked_flows.h: flows over IPv6 that are opened by a name, on a kernel that does not track them.
// - Sets of the table take the place of the flow's mark. The rules add a flow to `begun6` at its SYN, and move it to
//   `nameless6` when the server accepts it; the gate moves it on to `requests6` or `opened6`. The agent sends nothing more
//   in a flow that is in none of the last three.
// - The changes come from the netlink port that makes the admissions.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

class UntrackedFlows {
 public:
  // The socket must outlive the UntrackedFlows.
  explicit UntrackedFlows(netlink::Socket& socket);

  // Puts the flow in `begun6`, and in no other set. False: the kernel did not.
  bool begin(const inet::Connection& connection);
  // Moves a nameless flow to another set. False: it is not nameless.
  bool follow(const inet::Connection& connection);
  bool permit(const inet::Connection& connection);
  // Takes a flow out of `nameless6` and `requests6`. False: it is in neither.
  bool refuse(const inet::Connection& connection);

  bool is_open(const inet::Connection& connection) { return has(opened6_name, connection); }
  // Whether its packets wait for the gate.
  bool is_held(const inet::Connection& connection) {
    return has(nameless6_name, connection) || has(requests6_name, connection);
  }

 private:
  bool remove(const char* from, const inet::Connection& connection);
  bool move(const char* to, const inet::Connection& connection);
  bool has(const char* set, const inet::Connection& connection);
  bool commit();
  void put(uint16_t type, uint16_t flags, const char* set, const inet::Connection& connection);

  netlink::Socket* socket_;
  netlink::Batch batch_;
};

}  // namespace ostiary::nft
