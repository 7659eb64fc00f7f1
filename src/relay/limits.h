// relay/limits.h: the relay's limits, and how they relate.
#pragma once

#include <chrono>
#include <cstddef>

#include "ostiary/link/relay_setup.h"

namespace ostiary::relay::limits {

using namespace std::chrono_literals;

// Claude Code's largest exports, with bodies of API calls, are of 1.3 MB.
inline constexpr size_t body_octets = size_t{8} << 20U;
// Of all bodies that are not complete.
inline constexpr size_t octets_in_progress = size_t{32} << 20U;
static_assert(body_octets <= octets_in_progress);
// Of a body, before it has arrived. Most bodies are smaller.
inline constexpr size_t reserved_octets = size_t{256} << 10U;

static_assert(body_octets < spool_octets);
// Of a body that is brought up to date: the agent's, and the operator's attributes in each resource.
inline constexpr size_t renewed_octets = 4 * body_octets;
// Of posts that are sent together. Many collectors take a megabyte at most.
inline constexpr size_t merged_octets = size_t{512} << 10U;
// That a new process looks at in the file of the earlier one, damaged places included.
inline constexpr size_t recovered_octets = 4 * spool_octets;

// To connect, to send a post and to get the answer.
inline constexpr std::chrono::seconds time_of_a_try = 30s;
// Of one post that reaches the collector, before others have their turn.
inline constexpr size_t tries = 3;
// For the gate to connect.
inline constexpr std::chrono::seconds time_to_connect = 20s;
static_assert(time_to_connect < time_of_a_try);

// Of lines of the audit, read before the end. The kernel's buffer holds fewer.
inline constexpr size_t audit_datagrams_at_end = 1024;

inline constexpr size_t connections = 64;
inline constexpr size_t unsent_octets = 16384;
inline constexpr size_t read_octets = 65536;
// An exporter keeps its connection for its next export, by default a minute later. If the relay closed
// the connection at the same time, the export would be lost.
inline constexpr std::chrono::seconds idle = 300s;

}  // namespace ostiary::relay::limits
