// tests/fuzz/request_gate.h: a gate without a kernel, in front of one flow to port 80. It allows a.example and b.example there;
// c.example is at another address.
#pragma once

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "../unit/policy/variables.h"
#include "fuzz.h"
#include "gate/limits.h"
#include "gate/name_check.h"
#include "ostiary/policy/parse.h"

namespace ostiary::fuzz {

using namespace std::chrono_literals;

inline constexpr uint32_t first_sequence = 0xffffff00;  // soon 0 again
inline constexpr gate::NameCheck::Time now{24h};

class Kernel final : public nft::AdmissionSet {
 public:
  Result<> admit(std::span<const nft::Admission>) override { return {}; }
  Result<> revoke(std::span<const nft::Admission>) override { return {}; }
};

// The verdict about the only packet that waits.
class Judge final : public nft::FlowJudge {
 public:
  enum class Verdict : uint8_t { none, pass, drop, reset };

  void pass(uint32_t) override { note(Verdict::pass); }
  void drop(uint32_t) override { note(Verdict::drop); }
  void pass_now(uint32_t) override { note(Verdict::pass); }
  void reset(uint32_t) override { note(Verdict::reset); }
  bool begin(const inet::Connection&) override { return true; }
  bool follow(const inet::Connection&) override { return true; }
  bool permit(const inet::Connection&) override {
    HOLDS(false);  // a flow of requests stays one
    return false;
  }
  bool refuse(const inet::Connection&) override { return true; }
  nft::FlowState state(const inet::Connection&) override { return nft::FlowState::gone; }

  Verdict take() { return std::exchange(verdict_, Verdict::none); }

 private:
  void note(Verdict verdict) {
    HOLDS(verdict_ == Verdict::none);
    verdict_ = verdict;
  }

  Verdict verdict_ = Verdict::none;
};

inline inet::IpAddress address(std::string_view text) {
  return inet::IpAddress::parse(text).value();
}

inline const policy::Policy& allowed() {
  static const auto rules =
      policy::parse_list("a.example:80,b.example:80,c.example:80", "a test", policy::variables()).value();
  static const policy::Policy compiled = policy::Policy::compile(rules);
  return compiled;
}

// a.example and b.example are at the server's address.
struct Gate {
  Gate() {
    for (const auto& [name, at] :
         {std::pair{"a.example", "192.0.2.1"}, {"b.example", "192.0.2.1"}, {"c.example", "192.0.2.3"}}) {
      const std::array addresses{address(at)};
      HOLDS(ledger.admit(name, addresses, allowed().decide(name).grants, 600s, now));
    }
    nft::WaitingPacket syn = packet_at(0);
    syn.sequence -= 1;
    syn.begins = true;
    check.take(syn, now);
    HOLDS(judge.take() == Judge::Verdict::pass);
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  nft::WaitingPacket packet_at(size_t place) const {
    return {.id = 1,
            .from = nft::WaitingPacket::From::agent,
            .connection = connection,
            .sequence = first_sequence + static_cast<uint32_t>(place),
            .data = {},
            .uid = {}};
  }
  Judge::Verdict send(size_t place, std::string_view data, bool ends) {
    nft::WaitingPacket packet = packet_at(place);
    packet.data = {reinterpret_cast<const uint8_t*>(data.data()), data.size()};
    packet.ends = ends;
    check.take(packet, time);
    auto verdict = judge.take();
    if (verdict != Judge::Verdict::none) return verdict;
    // It ends within a name, and nothing follows.
    time += gate::limits::hold_time;
    check.expire(time);
    verdict = judge.take();
    HOLDS(verdict == Judge::Verdict::drop);
    return verdict;
  }

  gate::NameCheck::Time time = now;
  inet::Connection connection{address("10.0.0.2"), address("192.0.2.1"), 40000, 80};
  Kernel kernel;
  gate::Ledger ledger{kernel, gate::InitialSets::empty};
  gate::Recorder recorder{audit::Journal::none()};
  Judge judge;
  gate::NameCheck check{{.judge = judge, .rules = {allowed(), ledger}, .recorder = recorder},
                        tls::EncryptedHello::refused};
};

}  // namespace ostiary::fuzz
