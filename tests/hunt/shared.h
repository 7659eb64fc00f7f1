// hunt/shared.h: the page of memory that the three processes of a hunt share: the agent, the
// outside, and the operator.
// All three map the same file. The operator is written in Python (tests/hunt/page.py) and
// uses the same offsets.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ostiary::hunt {

namespace limits {
inline constexpr size_t workers = 8;
inline constexpr size_t remembered = 64;  // programs per worker, for findings whose packet names no program
}  // namespace limits

struct Worker {
  std::atomic<uint64_t> programs;  // programs run; the last one is recent[(programs - 1) % remembered]
  std::atomic<uint64_t> recent[limits::remembered];
};

struct Shared {
  std::atomic<uint32_t> stop;  // set by the operator: the agent ends
  // Set by the operator. 1: workers run only requests. 2: in addition, nothing is injected.
  std::atomic<uint32_t> pause;
  std::atomic<uint32_t> excused;        // set by the operator: there are no rules, so packets may leave
  std::atomic<uint32_t> epoch;          // incremented by the operator: the judge reports every class again
  std::atomic<uint32_t> ended;          // set by the operator: the boot has ended
  std::atomic<uint32_t> times;          // how often the workers run a request
  std::atomic<uint64_t> request;        // incremented by the operator: run the program in the request file
  std::atomic<uint64_t> request_done;   // the last request that has been run
  std::atomic<uint64_t> request_seed;   // the seed of the first run; later runs count up
  std::atomic<uint64_t> wire_packets;   // packets that the judge received
  std::atomic<uint64_t> wire_lost;      // packets that the capture lost
  std::atomic<uint64_t> wire_excused;   // packets that left while there were no rules
  std::atomic<uint64_t> wire_admitted;  // packets with a program's payload to an allowed destination
  std::atomic<uint64_t> injected;       // packets sent to the agent's host
  std::atomic<uint64_t> questions;      // questions that the upstream received
  std::atomic<uint64_t> restarts;       // restarts of workers
  // Set by the operator: packets captured until this time are excused too, even if the judge reads
  // them later. CLOCK_REALTIME in nanoseconds.
  std::atomic<uint64_t> excused_until;
  std::atomic<uint64_t> flushes;  // flushes of the rules
  // Set by the operator before it kills a helper: a connection to the collector may end without a
  // request until this time. CLOCK_REALTIME in nanoseconds.
  std::atomic<uint64_t> killed_until;
  std::atomic<uint64_t> relayed;  // requests of the relay that the collector received
  std::atomic<uint64_t> named;    // flows with the allowed name to the shared address
  // Kills of the relay. A connection that the gate is making then is for nobody: it may come much later.
  std::atomic<uint64_t> relay_kills;
  Worker workers[limits::workers];
};
static_assert(offsetof(Shared, request) == 24);
static_assert(offsetof(Shared, wire_packets) == 48);
static_assert(offsetof(Shared, workers) == 152);
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);

// Exits if the file cannot be mapped.
Shared& map_shared(const char* path);

// Every 32 octets of a payload contain the seed of the program that sent it.
inline constexpr uint64_t payload_magic = 0x775ae1744e75489d;
inline constexpr size_t payload_period = 32;

// In text: this, and sixteen hexadecimal digits.
inline constexpr std::string_view seed_marker = "hunt:";
std::string seed_as_text(uint64_t seed);

}  // namespace ostiary::hunt
