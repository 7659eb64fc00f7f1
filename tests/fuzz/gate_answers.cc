// The gate's whole path from a message of the agent to its answer, with an upstream that replies
// any octets and a kernel that may refuse. It holds that:
// - every message that is not a response gets one answer, well formed, within its size limit, with
//   the question unchanged;
// - only allowed names are asked upstream;
// - an answer contains an address only if it is admitted. It is admitted only if the question leads
//   to it in the reply, and only on the ports of a rule for its kind of address; never a metadata
//   service;
// - a cached answer contains nothing that the first answer did not.
#include <utility>
#include <vector>

#include "../unit/nft/fake_admissions.h"
#include "gate/answerer.h"
#include "ostiary/inet/special.h"
#include "slow_dns.h"

using namespace ostiary;
using fuzz::Bytes;
using fuzz::SlowMessage;

namespace {

using Time = gate::Answerer::Time;

enum class Allowed : uint8_t { no, public_only, private_too };

policy::Rule rule(policy::Subject subject, policy::Answers answers, std::string_view type) {
  policy::Rule made{.subject = std::move(subject), .answers = answers, .reason = "a test"};
  if (!type.empty()) made.types.add(type).value();
  return made;
}

// Another port of the name that may be private, open for public addresses only.
constexpr uint16_t public_port = 80;

policy::Rule public_db() {
  policy::Rule made = rule(inet::HostName::parse("db.example").value(), policy::Answers::public_only, "");
  made.ports = inet::PortSet(public_port);
  return made;
}

const policy::Policy& compiled() {
  static const policy::Policy policy = [] {
    using inet::HostName;
    const std::vector<policy::Rule> rules{
        rule(HostName::parse("a.example").value(), policy::Answers::public_only, "MX"),
        rule(HostName::parse("db.example").value(), policy::Answers::private_too, ""), public_db(),
        rule(policy::Wildcard{HostName::parse("w.example").value()}, policy::Answers::public_only, "TXT")};
    return policy::Policy::compile(rules);
  }();
  return policy;
}

// The same rules for text labels in the form of slow_dns.h.
Allowed allowed(std::string_view labels) {
  if (labels == "\1a\7example") return Allowed::public_only;
  if (labels == "\2db\7example") return Allowed::private_too;
  constexpr std::string_view below = "\1w\7example";
  if (labels.size() <= below.size()) return Allowed::no;
  size_t at = 0;
  while (labels.size() - at > below.size()) {
    const auto length = static_cast<size_t>(labels[at]);
    const std::string_view label = labels.substr(at + 1, length);
    const bool is_host = std::ranges::all_of(label, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!is_host || label.front() == '-' || label.back() == '-') return Allowed::no;
    at += 1 + length;
  }
  // 253 characters of text are 254 octets of labels.
  return labels.size() <= 254 && labels.substr(at) == below ? Allowed::public_only : Allowed::no;
}

std::string labels_of(const dns::WireName& name) {
  return std::string(fuzz::as_text(name.octets().first(name.octets().size() - 1)));
}

class AnyUpstream final : public upstream::Upstream {
 public:
  AnyUpstream(Bytes reply, bool answers) : reply_(reply), answers_(answers) {}

  void ask(const dns::Question& question, upstream::Answered answered) override {
    asked.push_back(question);
    if (answers_)
      answered(reply_);
    else
      answered(std::unexpected(upstream::Unanswered::timed_out));
  }
  upstream::Origin recognize(const dns::Question&, uint16_t, const sockaddr*) override {
    return upstream::Origin::other;
  }

  std::vector<dns::Question> asked;

 private:
  Bytes reply_;
  bool answers_;
};

bool has_opt(const SlowMessage& message) {
  return std::ranges::any_of(message.additionals, [](const auto& record) { return record.type == 41; });
}

void check_shape(Bytes asked, const SlowMessage& answer, dns::Transport transport) {
  HOLDS(answer.is_response() && answer.end == answer.octets.size());
  HOLDS(answer.id == (asked[0] << 8 | asked[1]));
  HOLDS(((answer.flags >> 8 ^ asked[2]) & 0x79U) == 0);  // the opcode, and RD
  HOLDS(answer.questions <= 1 && answer.authorities.empty() && answer.additionals.size() <= 1);
  if (answer.questions == 1)
    HOLDS(std::ranges::equal(answer.question, asked.subspan(12, answer.question.size())));
  if (!answer.additionals.empty()) HOLDS(has_opt(answer));
  if (transport == dns::Transport::udp)
    HOLDS(answer.octets.size() <=
          (has_opt(answer) ? dns::limits::udp_payload_max : dns::limits::udp_payload_min));
  for (const auto& record : answer.answers) {
    HOLDS(record.owner == answer.name && record.type == answer.type && record.record_class == 1);
    HOLDS(record.ttl <= std::chrono::seconds(dns::limits::ttl_max).count());
  }
  if (!answer.answers.empty()) HOLDS(answer.rcode() == 0 && allowed(answer.name) != Allowed::no);
}

inet::IpAddress address_of(Bytes octets) {
  if (octets.size() == 4) return inet::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
  std::array<uint8_t, 16> sixteen{};
  HOLDS(octets.size() == sixteen.size());
  std::ranges::copy(octets, sixteen.begin());
  return inet::IpAddress::v6(sixteen);
}

std::set<std::string> answered_addresses(const SlowMessage& answer, const test::FakeAdmissions& kernel) {
  std::set<std::string> answered;
  if (answer.type != 1 && answer.type != 28) return answered;
  for (const auto& record : answer.answers) {
    answered.emplace(fuzz::as_text(record.rdata));
    HOLDS(kernel.admitted.contains({address_of(record.rdata), uint8_t{6}, uint16_t{443}}));
  }
  return answered;
}

void check_admitted(const test::FakeAdmissions& kernel, const AnyUpstream& upstream, Bytes reply) {
  if (kernel.admitted.empty()) return;
  const SlowMessage slow = fuzz::read_slowly(reply);
  for (const auto& admission : kernel.admitted) {
    const auto& address = std::get<inet::IpAddress>(admission);
    const uint16_t port = std::get<uint16_t>(admission);
    HOLDS(std::get<uint8_t>(admission) == 6 && (port == 443 || port == public_port));
    const inet::AddressClass reach = inet::classify(address);
    HOLDS(reach != inet::AddressClass::metadata);
    const bool led_to = std::ranges::any_of(upstream.asked, [&](const auto& question) {
      const std::string name = labels_of(question.name);
      const auto found = fuzz::addresses_reached(slow, name, static_cast<uint16_t>(question.type));
      return found.contains(std::string(fuzz::as_text(address.octets()))) &&
             (port == 443 || allowed(name) == Allowed::private_too) &&
             (reach == inet::AddressClass::public_internet ||
              (port == 443 && allowed(name) == Allowed::private_too));
    });
    HOLDS(led_to);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t how = input.octet();
  const Bytes message = input.take(input.octet());
  const Bytes reply = input.rest();

  test::FakeAdmissions kernel;
  kernel.refuse = (how & 1U) != 0;
  AnyUpstream upstream(reply, (how & 2U) == 0);
  gate::Ledger ledger(kernel, (how & 4U) != 0 ? gate::InitialSets::empty : gate::InitialSets::continued);
  gate::Recorder recorder(audit::Journal::none());
  const gate::Terms terms{
      .hold = std::chrono::seconds(3600),
      .ipv4 = (how & 8U) != 0 ? gate::Reachability::unreachable : gate::Reachability::reachable,
      .ipv6 = gate::Reachability::reachable};
  gate::WildcardCount count;
  gate::WildcardBudget wildcards(count);
  std::vector<std::vector<uint8_t>> sent;
  gate::Answerer answerer(
      {compiled(), upstream, ledger, recorder, wildcards, std::chrono::steady_clock::now}, terms,
      [&](const gate::Client&, Bytes octets) { sent.emplace_back(octets.begin(), octets.end()); });
  gate::Client client;
  client.transport = (how & 16U) != 0 ? dns::Transport::tcp : dns::Transport::udp;

  const Time now = std::chrono::steady_clock::now();
  answerer.take(message, client, now);
  const size_t asked_first = upstream.asked.size();
  answerer.take(message, client, now + std::chrono::milliseconds(how));

  if (message.size() < 12 || (message[2] & 0x80U) != 0) {
    HOLDS(sent.empty() && upstream.asked.empty());
    return 0;
  }
  HOLDS(sent.size() == 2 && asked_first <= 1);
  const SlowMessage first = fuzz::read_slowly(sent[0]);
  const SlowMessage second = fuzz::read_slowly(sent[1]);
  check_shape(message, first, client.transport);
  check_shape(message, second, client.transport);
  for (const auto& question : upstream.asked) HOLDS(allowed(labels_of(question.name)) != Allowed::no);
  check_admitted(kernel, upstream, reply);
  if (kernel.refuse) HOLDS(kernel.admitted.empty());
  const auto answered = answered_addresses(first, kernel);
  HOLDS(answered_addresses(second, kernel) == answered && second.rcode() == first.rcode());
  if (!answered.empty()) HOLDS(upstream.asked.size() == 1);  // the second answer comes from the cache
  return 0;
}
