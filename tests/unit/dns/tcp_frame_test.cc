#include "ostiary/dns/tcp_frame.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "message_builder.h"
#include "ostiary/dns/limits.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;

namespace {

Bytes framed(const Bytes& message) {
  return joined({u16(message.size()), message});
}

// The messages from a stream that arrives in pieces of at most this size.
std::vector<Bytes> messages(TcpFrames& frames, std::span<const uint8_t> stream, size_t piece) {
  std::vector<Bytes> all;
  while (!stream.empty()) {
    auto input = stream.first(std::min(piece, stream.size()));
    stream = stream.subspan(input.size());
    for (;;) {
      const auto frame = frames.next(input);
      const auto* message = std::get_if<std::span<const uint8_t>>(&frame);
      if (message == nullptr) break;
      all.emplace_back(message->begin(), message->end());
    }
  }
  return all;
}

}  // namespace

TEST_SUITE("dns/tcp_frame") {
  TEST_CASE("returns pipelined messages one by one, with any segmentation") {
    const std::vector<Bytes> sent{
        query("a.example", type_a), {1}, Bytes(4096, 7), query("b.example", type_txt)};
    Bytes stream;
    for (const Bytes& message : sent) stream += framed(message);
    for (const size_t piece : {1U, 2U, 3U, 7U, 26U, 27U, 28U, 29U, 1000U, 4098U, 10000U}) {
      TcpFrames frames;
      CHECK(messages(frames, stream, piece) == sent);
      CHECK_FALSE(frames.within_message());
    }
  }

  TEST_CASE("returns a complete message without copying") {
    const Bytes stream = framed({1, 2, 3});
    TcpFrames frames;
    std::span<const uint8_t> input = stream;
    const auto frame = frames.next(input);
    CHECK(std::get<std::span<const uint8_t>>(frame).data() == stream.data() + 2);
    CHECK(input.empty());
  }

  TEST_CASE("knows whether a message is incomplete") {
    TcpFrames frames;
    CHECK_FALSE(frames.within_message());
    CHECK(messages(frames, Bytes{0}, 1).empty());
    CHECK(frames.within_message());
    CHECK(messages(frames, Bytes{2, 9}, 2).empty());
    CHECK(frames.within_message());
    CHECK(messages(frames, Bytes{9}, 1) == std::vector<Bytes>{{9, 9}});
    CHECK_FALSE(frames.within_message());
  }

  TEST_CASE("refuses invalid lengths, and stays failed") {
    for (const auto& [stream, fault] :
         {std::pair{Bytes{0, 0, 1}, FrameFault::empty}, std::pair{Bytes{0x10, 0x01, 1}, FrameFault::too_long},
          std::pair{Bytes{0xff, 0xff}, FrameFault::too_long}}) {
      for (const size_t piece : {1U, 3U}) {
        TcpFrames frames;
        CHECK(messages(frames, stream, piece).empty());
        const Bytes good = framed({1});
        std::span<const uint8_t> input = good;
        CHECK(std::get<FrameFault>(frames.next(input)) == fault);
      }
    }
    CHECK(text(FrameFault::too_long) == "a message is longer than 4096 octets");
    CHECK(limits::tcp_query_octets == 4096);
  }

  TEST_CASE("loses no octet of a stream with any segmentation") {
    std::mt19937 random(20240607);
    const auto below = [&](size_t bound) {
      return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
    };
    for (int round = 0; round < 200; ++round) {
      std::vector<Bytes> sent, got;
      Bytes stream;
      for (size_t i = 0, count = 1 + below(20); i < count; ++i) {
        sent.emplace_back(1 + below(below(10) == 0 ? 4096 : 60), static_cast<uint8_t>(i));
        stream += framed(sent.back());
      }
      TcpFrames frames;
      for (std::span<const uint8_t> rest = stream; !rest.empty();) {
        const auto piece = rest.first(1 + below(std::min<size_t>(rest.size(), 300)));
        rest = rest.subspan(piece.size());
        for (Bytes& message : messages(frames, piece, piece.size())) got.push_back(std::move(message));
      }
      REQUIRE(got == sent);
    }
  }
}
