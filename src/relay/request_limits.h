// relay/request_limits.h: the limits of the relay of requests, and how they relate.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ostiary::relay::request_limits {

using namespace std::chrono_literals;

// Requests under way at the same time, of all forwards and of one. Beyond, a request is answered 503.
inline constexpr size_t exchanges = 128;
// Of clients. Some are idle, or answered and not yet closed.
inline constexpr size_t connections = 256;
// Of those of all forwards: with their servers' and telemetry's they fit into 1024 descriptors.
inline constexpr size_t all_connections = 512;
constexpr size_t connections_of_each(size_t forwards) {
  return std::min(connections, all_connections / std::max<size_t>(forwards, 1));
}
// Of one forward with that many connections.
constexpr size_t exchanges_within(size_t connections_of_one) {
  return std::min(exchanges, connections_of_one * 3 / 4);
}
static_assert(exchanges_within(connections) == exchanges);

// Of a request. A response has no limit: it is not held.
inline constexpr uint64_t body_octets = uint64_t{1} << 30U;

// At a time, from the client and from the server. A record of TLS has at most as many.
inline constexpr size_t read_octets = 16384;
// While more octets wait for one side, the relay does not read from the other.
inline constexpr size_t waiting_octets = 65536;
// What one read can add: a head of 32768 octets with fields of our own, and octets as one chunk.
inline constexpr size_t octets_of_a_read = 40960 + read_octets + 64;
inline constexpr size_t unsent_octets = waiting_octets + octets_of_a_read;

// Reads from one server before others have their turn.
inline constexpr int reads_in_turn = 4;

// A client's connection without a request.
inline constexpr std::chrono::seconds idle = 300s;
// From the first octet of a head to its last.
inline constexpr std::chrono::seconds head_time = 30s;
// To read the rest of an answer of ours.
inline constexpr std::chrono::seconds farewell = 30s;
// Until the server takes the first octet.
inline constexpr std::chrono::seconds connect_time = 30s;
// Without any octet in either direction, before the request is complete and after. Anthropic's
// clients give up after 300 seconds of silence.
inline constexpr std::chrono::seconds request_silence = 60s;
inline constexpr std::chrono::seconds response_silence = 600s;
// Of a whole request.
inline constexpr std::chrono::seconds request_time = 3600s;
static_assert(connect_time < request_silence && request_silence < request_time);

// Connections to the server that wait for another request. Many servers close them after a minute.
inline constexpr size_t idle_connections = 16;
inline constexpr std::chrono::seconds server_idle = 30s;

}  // namespace ostiary::relay::request_limits
