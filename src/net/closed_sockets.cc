#include "ostiary/net/closed_sockets.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <set>
#include <span>
#include <vector>

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "ostiary/netlink/request.h"
#include "ostiary/netlink/socket.h"
#include "sock_diag.h"
#include "tcp_sockets.h"

namespace ostiary::net {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace limits {
constexpr auto max_wait = 1s;  // for connections that the kernel is still closing
constexpr auto retry_interval = 5ms;
static_assert(retry_interval < max_wait);
}  // namespace limits

constexpr uint32_t states(std::initializer_list<int> numbers) {
  uint32_t mask = 0;
  for (const int each : numbers) mask |= 1U << static_cast<unsigned>(each);
  return mask;
}

constexpr uint32_t closing = states({TCP_FIN_WAIT1, TCP_LAST_ACK, TCP_CLOSING});
// The states in which a connection can have data to send.
constexpr uint32_t may_send = closing | states({TCP_ESTABLISHED, TCP_SYN_SENT, TCP_CLOSE_WAIT});
// The states that a connection without a process ends in. It has nothing to send.
constexpr uint32_t finished = states({TCP_FIN_WAIT2, TCP_TIME_WAIT});

bool is_in(uint32_t states, const inet_diag_msg& connection) {
  return (states & 1U << unsigned{connection.idiag_state}) != 0;
}

Result<std::vector<inet_diag_msg>> list_connections(netlink::Socket& socket) {
  return list_tcp_sockets(socket, may_send | finished);
}

enum class Destroyed : uint8_t { no, yes };

Result<Destroyed> destroy(netlink::Socket& socket, const inet_diag_msg& connection) {
  inet_diag_req_v2 which = about_tcp(connection.idiag_family, may_send | finished);
  which.id = connection.id;
  const int error = TRY(netlink::ask(socket, DiagRequest(SOCK_DESTROY, NLM_F_ACK, which).header()));
  return error == 0 ? Destroyed::yes : Destroyed::no;
}

inet::Connection named(const inet_diag_msg& connection) {
  return {.local = address_of(connection.idiag_family, connection.id.idiag_src),
          .remote = address_of(connection.idiag_family, connection.id.idiag_dst),
          .local_port = __builtin_bswap16(connection.id.idiag_sport),
          .remote_port = __builtin_bswap16(connection.id.idiag_dport)};
}

// The kernel looks a connection up by its addresses and ports, and two connections can have the
// same ones if only one of them is bound to a device. A finished connection can so hide one that
// sends.
Result<> destroy_what_hides(netlink::Socket& socket, const inet_diag_msg& hidden,
                            std::span<const inet_diag_msg> connections) {
  for (const inet_diag_msg& each : connections)
    if (is_in(finished, each) && each.idiag_inode == 0 && named(each) == named(hidden))
      TRY(destroy(socket, each));
  return {};
}

enum class Fate : uint8_t { left_alone, ended, waited_for };

// How the kernel reports who closed a connection, before Linux 6.16.
constexpr uint32_t unknown_owner = 0;

bool is_closed(const inet_diag_msg& connection) {
  return connection.idiag_inode == 0 && is_in(closing, connection);
}

Fate fate_of(const inet_diag_msg& connection, const Owners& owners) {
  const auto is_user = [&owners](uint32_t user) {
    return std::ranges::find(owners.users, user) != owners.users.end();
  };
  if (is_in(finished, connection)) return Fate::left_alone;
  if (owners.scope == Owners::Scope::users) {
    if (is_user(connection.idiag_uid)) return Fate::ended;
    return is_closed(connection) && connection.idiag_uid == unknown_owner ? Fate::waited_for
                                                                          : Fate::left_alone;
  }
  if (is_closed(connection)) return Fate::ended;
  // The agent's processes have ended. If a socket of its user is still in flight over a Unix
  // socket, the kernel will close it, and it then sends once more.
  if (connection.idiag_uid != 0 && is_user(connection.idiag_uid)) return Fate::ended;
  // The agent may have passed the socket over a Unix socket before it ended. The kernel closes it
  // soon, unless a live process still holds it. Root can create sockets under any uid.
  const bool may_be_agents = is_user(connection.idiag_uid) || is_user(0);
  const bool is_held = connection.idiag_inode != 0 && connection.idiag_wqueue != 0;
  return may_be_agents && is_held ? Fate::waited_for : Fate::left_alone;
}

using Decision = std::function<Result<Fate>(const inet_diag_msg&)>;

// One pass over all connections. Senders::none: the kernel lists none that could send. A connection
// that this pass has destroyed counts as one, because only the next list proves that it is gone.
Result<Senders> end_connections(netlink::Socket& socket, const Decision& decide) {
  Senders listed = Senders::none;
  const std::vector<inet_diag_msg> connections = TRY(list_connections(socket));
  for (const inet_diag_msg& each : connections) {
    const Fate fate = TRY(decide(each));
    if (fate == Fate::left_alone) continue;
    listed = Senders::some;
    if (fate == Fate::ended && TRY(destroy(socket, each)) == Destroyed::no)
      TRY(destroy_what_hides(socket, each, connections));
  }
  return listed;
}

uint64_t cookie_of(const inet_diag_msg& connection) {
  return uint64_t{connection.id.idiag_cookie[1]} << 32U | connection.id.idiag_cookie[0];
}

Result<Senders> end_connections_in_time(netlink::Socket& socket, const Decision& decide) {
  for (const auto deadline = steady_clock::now() + limits::max_wait;;) {
    const Senders listed = TRY(end_connections(socket, decide));
    if (listed == Senders::none || steady_clock::now() >= deadline) return listed;
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(limits::retry_interval).count()));
  }
}

}  // namespace

Result<Senders> end_closed_connections(const Owners& owners) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::socket_diagnosis));
  return end_connections_in_time(socket,
                                 [&owners](const inet_diag_msg& each) { return fate_of(each, owners); });
}

Result<> end_connections_of(uint32_t user, const std::function<Result<Keep>(const inet::Connection&)>& keep) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::socket_diagnosis));
  // The user may begin connections faster than they are ended.
  std::set<uint64_t> present;
  for (const inet_diag_msg& each : TRY(list_connections(socket))) present.insert(cookie_of(each));
  const auto decide = [&](const inet_diag_msg& each) -> Result<Fate> {
    if (!present.contains(cookie_of(each))) return Fate::left_alone;
    const bool may_be_the_users =
        each.idiag_uid == user || (is_closed(each) && each.idiag_uid == unknown_owner);
    if (is_in(finished, each) || !may_be_the_users) return Fate::left_alone;
    return TRY(keep(named(each))) == Keep::yes ? Fate::left_alone : Fate::ended;
  };
  if (TRY(end_connections_in_time(socket, decide)) == Senders::none) return {};
  return fail(Exit::unavailable, "the kernel does not end a connection that began without the rules");
}

}  // namespace ostiary::net
