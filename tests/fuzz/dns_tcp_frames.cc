// The same octets give the same messages and the same error, whether they come in pieces of any
// size or at once.
#include <optional>
#include <utility>
#include <vector>

#include "fuzz.h"
#include "ostiary/dns/limits.h"
#include "ostiary/dns/tcp_frame.h"

using namespace ostiary;
using namespace ostiary::dns;
using fuzz::Bytes;

namespace {

struct Outcome {
  std::vector<std::vector<uint8_t>> messages;
  std::optional<FrameFault> fault;
  bool operator==(const Outcome&) const = default;
};

// RFC 1035, 4.2.2, independent of the code under test.
Outcome expected(Bytes stream) {
  Outcome outcome;
  while (stream.size() >= 2) {
    const size_t size = static_cast<size_t>(stream[0] << 8 | stream[1]);
    if (size == 0 || size > limits::tcp_query_octets) {
      outcome.fault = size == 0 ? FrameFault::empty : FrameFault::too_long;
      break;
    }
    if (stream.size() - 2 < size) break;
    outcome.messages.emplace_back(stream.begin() + 2, stream.begin() + 2 + static_cast<ptrdiff_t>(size));
    stream = stream.subspan(2 + size);
  }
  return outcome;
}

void feed(TcpFrames& frames, Bytes piece, Outcome& outcome) {
  for (;;) {
    const Frame frame = frames.next(piece);
    if (const auto* message = std::get_if<Bytes>(&frame)) {
      outcome.messages.emplace_back(message->begin(), message->end());
    } else if (const auto* fault = std::get_if<FrameFault>(&frame)) {
      outcome.fault = *fault;
      return;
    } else {
      HOLDS(piece.empty());
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const size_t step = input.number();
  const Bytes stream = input.rest();
  Outcome outcome;
  TcpFrames frames;
  size_t next = step;
  for (Bytes rest = stream; !rest.empty();) {
    const size_t piece = 1 + next % std::min<size_t>(rest.size(), 1 + step);
    next = next * 31 + 7;
    // A separate copy: stored data must not be in memory that the next piece overwrites.
    const std::vector<uint8_t> arrived(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(piece));
    feed(frames, arrived, outcome);
    rest = rest.subspan(piece);
  }
  HOLDS(outcome == expected(stream));
  return 0;
}
