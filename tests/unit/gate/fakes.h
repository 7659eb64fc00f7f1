// gate/fakes.h: a gate without a process: a fake kernel, a fake upstream and a made-up time.
// - The test moves the time. Nothing here reads a clock or waits.
// - Every answer is checked when it is sent: the kernel admits each of its addresses at that time.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include "../audit/reading.h"
#include "../dns/message_builder.h"
#include "../policy/variables.h"
#include "gate/answerer.h"
#include "ostiary/dns/cursor.h"
#include "ostiary/nft/flow_queue.h"
#include "ostiary/policy/parse.h"

namespace ostiary::gate::testing {

using dns::testing::Bytes;
using dns::testing::good_reply;
using dns::testing::type_a;
using dns::testing::type_aaaa;
using nlohmann::json;
using Time = std::chrono::steady_clock::time_point;
using namespace std::chrono_literals;

inline constexpr Time start{24h};

// ---- the kernel

// The kernel's sets. Admissions expire with the made-up time.
class FakeKernel final : public nft::AdmissionSet {
 public:
  explicit FakeKernel(const Time& now) : now_(now) {}

  Result<> admit(std::span<const nft::Admission> admissions) override {
    ++calls;
    last.assign(admissions.begin(), admissions.end());
    if (refuses) return fail(Exit::unavailable, "the kernel refuses");
    for (const auto& each : admissions)
      admitted_[{each.address, each.protocol, each.port}] = now_ + each.lifetime;
    return {};
  }
  Result<> revoke(std::span<const nft::Admission> admissions) override {
    for (const auto& each : admissions) admitted_.erase({each.address, each.protocol, each.port});
    return {};
  }

  // As another process does that flushes the table.
  void flush() { admitted_.clear(); }

  bool admits(const inet::IpAddress& address) const { return !held(address.text()).empty(); }

  // The admissions that begin with this text and the seconds that they last from now:
  // "192.0.2.1 443/tcp 3600, 192.0.2.1 53/udp 3600". Sorted by address, protocol and port.
  std::string held(std::string_view beginning = {}) const {
    std::string all;
    for (const auto& [key, until] : admitted_) {
      if (until <= now_) continue;
      const auto& [address, protocol, port] = key;
      const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - now_);
      const std::string one = address.text() + " " + std::to_string(port) +
                              (protocol == IPPROTO_TCP ? "/tcp " : "/udp ") + std::to_string(left.count());
      if (one.starts_with(beginning)) all += (all.empty() ? "" : ", ") + one;
    }
    return all;
  }

  bool refuses = false;
  size_t calls = 0;
  std::vector<nft::Admission> last;  // of the last call

 private:
  const Time& now_;
  std::map<std::tuple<inet::IpAddress, uint8_t, uint16_t>, Time> admitted_;
};

// ---- the upstream

inline Bytes address_record(std::string_view address, size_t ttl = 300) {
  const inet::IpAddress parsed = inet::IpAddress::parse(address).value();
  const auto octets = parsed.octets();
  return dns::testing::record(dns::testing::pointer(12), octets.size() == 4 ? type_a : type_aaaa, ttl,
                              Bytes(octets.begin(), octets.end()));
}

inline Bytes reply_to(const dns::Question& question, const std::vector<Bytes>& records,
                      size_t flags = good_reply) {
  const auto name = question.name.octets();
  Bytes asked(name.begin(), name.end());
  dns::testing::operator+=(asked, dns::testing::u16(std::to_underlying(question.type)));
  dns::testing::operator+=(asked, dns::testing::u16(1));
  return dns::testing::reply(asked, records, flags);
}

// Keeps each question until the test answers it.
class FakeUpstream final : public upstream::Upstream {
 public:
  void ask(const dns::Question& question, upstream::Answered answered) override {
    asked.push_back(question.name.text() + " " + text(question.type));
    waiting_.push_back({question, std::move(answered)});
    if (at_once) answer_with(at_once(question), waiting_.size() - 1);
  }
  upstream::Origin recognize(const dns::Question&, uint16_t, const sockaddr*) override { return origin; }

  // Each answers the question that has waited longest.
  void answer(const std::vector<Bytes>& records, size_t flags = good_reply) {
    REQUIRE(!waiting_.empty());
    answer_with(reply_to(waiting_.front().first, records, flags));
  }
  void answer_with(const Bytes& reply, size_t which = 0) { take(which)(std::span<const uint8_t>(reply)); }
  void fail(upstream::Unanswered why) { take(0)(std::unexpected(why)); }

  size_t waiting() const { return waiting_.size(); }

  std::vector<std::string> asked;  // "a.example A"
  upstream::Origin origin = upstream::Origin::other;
  std::function<Bytes(const dns::Question&)> at_once;  // if set, it answers within ask()

 private:
  upstream::Answered take(size_t which) {
    REQUIRE(which < waiting_.size());
    upstream::Answered answered = std::move(waiting_[which].second);
    waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(which));
    return answered;
  }

  std::deque<std::pair<dns::Question, upstream::Answered>> waiting_;
};

// ---- the audit

class AuditFile {
 public:
  audit::Journal journal(audit::FileBound bound = audit::FileBound::none()) const {
    return audit::Journal::to_fd(copy(), bound).value();
  }
  UniqueFd copy() const { return UniqueFd{::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0)}; }

  std::vector<json> events(std::string_view name = {}) const {
    std::string content(static_cast<size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
    REQUIRE(::pread(fd_.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
    const auto reading = audit::testing::read_journal(content);
    CHECK(reading.broken == 0);
    std::vector<json> found;
    for (const json& event : reading.events)
      if (name.empty() || event["event"] == name) found.push_back(event);
    return found;
  }

 private:
  UniqueFd fd_{::memfd_create("audit", MFD_CLOEXEC)};
};

// ---- the gate

inline policy::Rule rule(std::string_view entry, policy::Answers answers = policy::Answers::public_only,
                         std::initializer_list<std::string_view> types = {}) {
  policy::Rule made = policy::parse_entry(entry, "a test", policy::variables()).value().front();
  made.answers = answers;
  for (const std::string_view type : types) REQUIRE(made.types.add(type));
  return made;
}

// An answer as the agent reads it.
struct Answer {
  Client client;
  size_t id = 0;
  std::string name;  // of the question, in its letter case
  dns::Rcode rcode{};
  size_t records = 0;
  std::string addresses;  // "192.0.2.1 192.0.2.2"
  uint32_t ttl = 0;       // of the last record
  std::string data;       // of a record that is no address, with its length in front
  std::optional<dns::ExtendedError> error = {};
  std::string why;  // the text of the error
};

inline Answer read_answer(const Client& client, std::span<const uint8_t> octets) {
  Answer answer;
  answer.client = client;
  dns::Reader in(octets);
  answer.id = in.u16();
  answer.rcode = static_cast<dns::Rcode>(in.u16() & dns::flag::rcode);
  const size_t questions = in.u16();
  answer.records = in.u16();
  CHECK(in.u16() == 0);
  const size_t additional = in.u16();
  if (questions == 1) {
    for (uint8_t size = in.u8(); size != 0; size = in.u8()) {
      const auto label = in.take(size);
      answer.name += (answer.name.empty() ? "" : ".") + std::string(label.begin(), label.end());
    }
    in.u32();  // type and class
  }
  for (size_t i = 0; i < answer.records; ++i) {
    CHECK(in.u16() == 0xc00c);  // a pointer to the question
    const size_t type = in.u16();
    in.u16();
    answer.ttl = in.u32();
    const auto rdata = in.take(in.u16());
    if (type != type_a && type != type_aaaa) {
      answer.data.assign(rdata.begin(), rdata.end());
      continue;
    }
    std::array<uint8_t, 16> v6{};
    REQUIRE(rdata.size() == (type == type_a ? 4 : 16));
    std::ranges::copy(rdata, v6.begin());
    const auto address =
        type == type_a ? inet::IpAddress::v4({v6[0], v6[1], v6[2], v6[3]}) : inet::IpAddress::v6(v6);
    answer.addresses += (answer.addresses.empty() ? "" : " ") + address.text();
  }
  if (additional == 1) {
    in.take(9);                            // the OPT record up to the length of its options
    if (in.u16() > 0 && in.u16() == 15) {  // an extended error
      const size_t size = in.u16();
      answer.error = dns::ExtendedError{in.u16()};
      const auto text = in.take(size - 2);
      answer.why.assign(text.begin(), text.end());
    }
  }
  CHECK(in.ok());
  CHECK(in.left() == 0);
  return answer;
}

struct Asking {
  size_t type = type_a;
  size_t id = 0x1234;
  Client client = {};
};

struct TestGate {
  explicit TestGate(std::vector<policy::Rule> rules, Terms terms = {.hold = 3600s})
      : policy(policy::Policy::compile(rules)),
        answerer({policy, upstream, ledger, recorder, wildcards, [this] { return now; }}, terms,
                 [this](const Client& client, std::span<const uint8_t> octets) { take(client, octets); }) {}
  TestGate(const TestGate&) = delete;
  TestGate& operator=(const TestGate&) = delete;

  void ask(std::string_view name, const Asking& asking = {}) {
    using namespace dns::testing;
    ask_raw(
        joined({header(asking.id, recursion_desired, 1, 0, 0, 1), question(name, asking.type), opt(1232)}),
        asking.client);
  }
  void ask_raw(const Bytes& message, const Client& client = {}) { answerer.take(message, client, now); }

  const Answer& last() const {
    REQUIRE(!answers.empty());
    return answers.back();
  }
  std::vector<json> audited(std::string_view event) {
    recorder.write();
    return audit.events(event);
  }

  Time now = start;
  FakeKernel kernel{now};
  FakeUpstream upstream;
  AuditFile audit;
  policy::Policy policy;
  Ledger ledger{kernel, InitialSets::empty};
  Recorder recorder{audit.journal()};
  WildcardCount count;
  WildcardBudget wildcards{count};
  std::vector<Answer> answers;
  Answerer answerer;

 private:
  void take(const Client& client, std::span<const uint8_t> octets) {
    answers.push_back(read_answer(client, octets));
    std::string_view rest = answers.back().addresses;
    while (!rest.empty()) {
      const std::string_view one = rest.substr(0, rest.find(' '));
      CHECK(kernel.admits(inet::IpAddress::parse(one).value()));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    }
  }
};

// What the kernel was told, in order.
class FakeJudge final : public nft::FlowJudge {
 public:
  void pass(uint32_t packet) override { note("pass", packet); }
  void pass_now(uint32_t packet) override { note("pass", packet); }
  void drop(uint32_t packet) override { note("drop", packet); }
  void reset(uint32_t packet) override { note("reset", packet); }
  bool begin(const inet::Connection&) override { return mark("begin"); }
  bool follow(const inet::Connection&) override { return mark("follow"); }
  bool permit(const inet::Connection&) override { return mark("permit"); }
  bool refuse(const inet::Connection&) override { return mark("refuse"); }
  nft::FlowState state(const inet::Connection&) override { return state_now; }

  std::string take() { return std::exchange(told_, {}); }

  nft::FlowState state_now = nft::FlowState::nameless;
  bool has_flow = true;

 private:
  void note(std::string_view what, uint32_t packet) {
    told_ += (told_.empty() ? "" : ", ") + std::string(what) + " " + std::to_string(packet);
  }
  bool mark(std::string_view what) {
    told_ += (told_.empty() ? "" : ", ") + std::string(what);
    return has_flow;
  }

  std::string told_;
};

// The last denial of a flow for its name, as "name: why".
inline std::string last_denial(Recorder& recorder, const AuditFile& audit, std::string_view kind) {
  recorder.write();
  const auto lines = audit.events("deny");
  if (lines.empty()) return "none";
  CHECK(lines.back()["kind"] == kind);
  CHECK(lines.back()["uid"] == 1000);
  const auto name = lines.back().value("name", "");
  return (name.empty() ? "" : name + ": ") + lines.back()["why"].get<std::string>();
}

}  // namespace ostiary::gate::testing
