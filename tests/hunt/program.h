// hunt/program.h: a program of network system calls: as a value, as text, and generated from a
// seed.
// The same seed and mask give the same program on every machine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ostiary::hunt {

enum class Kind : uint8_t {
  open,
  bind,
  connect,
  disconnect,
  send,
  option,
  listen,
  accept,
  shutdown,
  receive,
  close,
  give,  // passes the socket to another worker
  take,  // receives a socket from another worker
  wait,
  await,  // until the socket is connected, or has something to read; not for long
  fork,   // the rest of the program runs twice, with the same sockets
  raw,    // sends a whole packet, from a container inside the agent's
};
inline constexpr size_t kinds = 17;

namespace limits {
inline constexpr size_t arguments = 7;
inline constexpr size_t slots = 4;
inline constexpr size_t steps = 18;
}  // namespace limits

// The arguments are indices into the tables in words.h.
struct Step {
  Kind kind = Kind::wait;
  uint8_t slot = 0;
  std::array<uint8_t, limits::arguments> arguments{};
  bool operator==(const Step&) const = default;
};
using Program = std::vector<Step>;

// `relayed` is `agent` with steps for the relay and its collector; `named`, with steps for the shared address.
enum class Grammar : uint8_t { agent, relayed, named, relayed_named, inside };

// A step whose text contains one of these words is not generated.
using Mask = std::vector<std::string>;

Program generate(uint64_t seed, Grammar grammar, const Mask& mask);

// One line per step. "#" begins a comment.
std::string text(const Step& step);
std::string text(const Program& program);
// Nothing if a line is invalid; `problem` then names the line.
std::optional<Program> parse(std::string_view text, std::string& problem);

// splitmix64: generates the seeds of programs, and all choices in a program.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
  bool one_in(size_t number) { return below(number) == 0; }

 private:
  uint64_t state_;
};

}  // namespace ostiary::hunt
