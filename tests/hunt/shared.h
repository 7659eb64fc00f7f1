// hunt/shared.h: the page that the three processes of a hunt share: the agent, the outside, the operator.
// Mapped from one file by all three. The operator is written in Python (tests/system/hunt/page.py) and knows
// these offsets.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ostiary::hunt {

namespace limits {
inline constexpr size_t workers = 8;
inline constexpr size_t remembered = 64;  // programs of a worker, for findings whose packet names none
}  // namespace limits

struct Worker {
  std::atomic<uint64_t> programs;  // run so far; the last one is recent[(programs - 1) % remembered]
  std::atomic<uint64_t> recent[limits::remembered];
};

struct Shared {
  std::atomic<uint32_t> stop;  // set by the operator: the agent ends
  std::atomic<uint32_t>
      pause;  // set by the operator: workers run nothing but requests; 2: nothing comes in either
  std::atomic<uint32_t> excused;        // set by the operator: there are no rules, packets may leave
  std::atomic<uint32_t> epoch;          // counted by the operator: the judge reports every class once more
  std::atomic<uint32_t> ended;          // set by the operator: the boot is over
  std::atomic<uint32_t> times;          // how often a request is run
  std::atomic<uint64_t> request;        // counted by the operator: run the program in the request file
  std::atomic<uint64_t> request_done;   // the last request that was run
  std::atomic<uint64_t> request_seed;   // of its first run; later runs count on
  std::atomic<uint64_t> wire_packets;   // seen by the judge
  std::atomic<uint64_t> wire_lost;      // packets that the judge had no room for
  std::atomic<uint64_t> wire_excused;   // packets that left while there were no rules
  std::atomic<uint64_t> wire_admitted;  // with an agent's payload, to where an allowed name led
  std::atomic<uint64_t> injected;       // packets sent to the agent's host
  std::atomic<uint64_t> questions;      // that reached the upstream
  std::atomic<uint64_t> restarts;       // of workers
  // Set by the operator: packets that the wire saw until then are excused as well, though the judge is late.
  // Nanoseconds of the realtime clock.
  std::atomic<uint64_t> excused_until;
  std::atomic<uint64_t> flushes;  // of the rules
  Worker workers[limits::workers];
};
static_assert(offsetof(Shared, request) == 24);
static_assert(offsetof(Shared, wire_packets) == 48);
static_assert(offsetof(Shared, workers) == 120);
static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(std::atomic<uint64_t>) == 8);

// Ends the program where the file cannot be mapped.
Shared& map_shared(const char* path);

// Every 32 octets of a payload name the program that sent it.
inline constexpr uint64_t payload_magic = 0x775ae1744e75489d;
inline constexpr size_t payload_period = 32;

}  // namespace ostiary::hunt
