// gate/limits.h: what the gate bounds, and how the bounds relate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ostiary/dns/limits.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::gate::limits {

using namespace std::chrono_literals;

inline constexpr size_t cache_entries = 65536;
inline constexpr size_t ledger_entries = nft::limits::admissions;

// Questions that wait for the upstream, and who waits for one of them.
inline constexpr size_t outstanding = 1024;
inline constexpr size_t waiters = 64;

// Hosts of the plan that are asked for at a time. A resolver nearby may have room for no more than 150
// questions, which is dnsmasq's default, and drops the others.
inline constexpr size_t plan_hosts_at_once = 64;
static_assert(2 * plan_hosts_at_once <= outstanding);

// What one name can open: addresses times ports.
inline constexpr size_t ports_of_a_name = 1024;
inline constexpr size_t admissions_of_a_name = dns::limits::addresses * ports_of_a_name;
static_assert(admissions_of_a_name <= ledger_entries);

// Names that only a wildcard allows, asked upstream within any window of this length: each is a message to
// whoever runs the domain.
inline constexpr std::chrono::seconds wildcard_window = 60s;
inline constexpr size_t wildcard_names_a_window = 600;

inline constexpr size_t datagrams_at_once = 32;

inline constexpr size_t tcp_clients = 64;
inline constexpr size_t tcp_unsent_octets = 4 * dns::limits::answer_octets;
inline constexpr std::chrono::seconds tcp_idle = 10s;
static_assert(tcp_unsent_octets >= dns::limits::answer_octets + 2);

// Names the audit has told to be allowed.
inline constexpr size_t told_names = 65536;

// Until the keeper is asked once more for a new file of the audit.
inline constexpr std::chrono::seconds audit_patience = 60s;

// A deadline in the kernel and one in here are not read from one clock.
inline constexpr std::chrono::seconds admission_margin = 2s;

}  // namespace ostiary::gate::limits
