// gate/limits.h: the gate's limits, and how they relate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ostiary/dns/limits.h"
#include "ostiary/link/gate_limits.h"
#include "ostiary/nft/flow_queue.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::gate::limits {

using namespace std::chrono_literals;

inline constexpr size_t cache_entries = 65536;
inline constexpr size_t ledger_entries = nft::limits::admissions;

// Of one address, a name more is forgotten. Then any name of the policy may be its name.
inline constexpr size_t names_of_an_address = 32;

// Questions that wait for the upstream, and clients that wait for one of them.
inline constexpr size_t outstanding = 1024;
inline constexpr size_t waiters = 64;

// Hosts of the plan that are resolved at a time, with two questions each. A local resolver may drop
// questions beyond 150 at a time, the default of dnsmasq.
inline constexpr size_t plan_hosts_at_once = 64;
static_assert(2 * plan_hosts_at_once <= outstanding);

// The admissions of one name: addresses times ports.
inline constexpr size_t admissions_of_a_name = dns::limits::addresses * ports_of_a_name;
static_assert(admissions_of_a_name <= ledger_entries);

inline constexpr size_t datagrams_at_once = 32;

inline constexpr size_t tcp_clients = 64;
inline constexpr size_t tcp_unsent_octets = 4 * dns::limits::answer_octets;
inline constexpr std::chrono::seconds tcp_idle = 10s;
static_assert(tcp_unsent_octets >= dns::limits::answer_octets + 2);

// Flows that wait for their name. Beyond, the oldest is refused.
inline constexpr size_t nameless_flows = 4096;
inline constexpr std::chrono::seconds silent_time = 120s;
inline constexpr std::chrono::seconds hello_time = 10s;  // from its first octet
// How long the packets of an unfinished hello wait for the next.
inline constexpr std::chrono::milliseconds hold_time = 5ms;
// From the hello to the server's first octets. A server may be slow.
inline constexpr std::chrono::seconds answer_time = 120s;
// The kernel does not forget a nameless flow before the gate does.
static_assert(silent_time + hello_time + 2 * answer_time <=
              std::chrono::seconds(nft::limits::seconds_of_a_nameless_flow));
// What the agent has sent in a flow that waits: a hello, and early data behind it.
inline constexpr size_t nameless_octets = 65536;
inline constexpr size_t nameless_octets_of_all = size_t{16} << 20U;
// The rest of the kernel's queue is for those that get their verdict at once.
inline constexpr size_t waiting_packets = nft::limits::waiting_packets / 4;
inline constexpr size_t waiting_packets_of_a_flow = 64;
inline constexpr size_t packets_at_once = 64;

// Flows of HTTP requests. Beyond, or after that time without a request, the oldest is forgotten.
inline constexpr size_t request_flows = 1024;
inline constexpr std::chrono::minutes request_idle = 10min;
// Of one flow's heads, to compare what is sent again. What is sent again later is dropped.
inline constexpr size_t heads_of_a_flow = 65536;
inline constexpr size_t heads_of_all = size_t{16} << 20U;  // with the memory that it takes to keep them

// Names that the audit reports as allowed.
inline constexpr size_t audited_names = 65536;

// How long the gate waits for a new file of the audit before it asks the keeper again.
inline constexpr std::chrono::seconds audit_file_retry = 60s;

// The kernel's deadline of an admission and the ledger's come from different clocks.
inline constexpr std::chrono::seconds admission_margin = 2s;

}  // namespace ostiary::gate::limits
