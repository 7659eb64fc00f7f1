#include "nft/rules/filtered_host.h"

#include <algorithm>
#include <array>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

#include "nft/client.h"
#include "ostiary/nft/flows.h"

namespace ostiary::test::rules {
namespace {

// Softirqs of one processor run in order, so that a marker is processed after the packets before
// it.
void stay_on_one_processor() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  ::sched_setaffinity(0, sizeof one, &one);
}
void go_to_any_processor() {
  cpu_set_t all;
  std::memset(&all, 0xff, sizeof all);
  ::sched_setaffinity(0, sizeof all, &all);
}

constexpr uint8_t multicast_report = 143;  // of ICMPv6; the kernel sends it at any time

// The packet after the gate's redirect: the same, but to another port of a loopback address.
bool is_redirected(const Packet& seen, const Packet& packet) {
  return seen.protocol == packet.protocol && seen.from.port == packet.from.port &&
         seen.to.port == the_gates_port && seen.to.port != packet.to.port && seen.flags == packet.flags;
}

constexpr std::pair<const char*, const char*> words[] = {{"no-rule, refused", "denied"},
                                                         {"forged-source", "forged"},
                                                         {"wrong-interface", "stray"},
                                                         {"too-many-flows, refused", "crowd"},
                                                         {"", "dropped"}};

// The kernel's own answers would disturb the test's. They come from a kernel socket without a user.
constexpr const char* no_answers =
    "nft 'table inet no_answers { chain c { type filter hook output priority -400\n"
    "meta skuid 0-4294967295 accept\n"
    "ct state invalid tcp flags & rst != 0 drop\n"
    "icmp type destination-unreachable icmp code { port-unreachable, prot-unreachable } drop\n"
    "icmpv6 type destination-unreachable icmpv6 code port-unreachable drop\n"
    "icmpv6 type parameter-problem drop\n } \n }'";

// A socket belongs to the user that creates it.
UniqueFd raw_socket(const Sender& sender, inet::Family family) {
  ::setfsuid(sender.user);
  UniqueFd raw{
      ::socket(family == inet::Family::ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
  ::setfsuid(0);
  REQUIRE(raw.valid());
  REQUIRE(::setsockopt(raw.get(), SOL_SOCKET, SO_MARK, &sender.mark, sizeof sender.mark) == 0);
  if (sender.device != nullptr)
    REQUIRE(::setsockopt(raw.get(), SOL_SOCKET, SO_BINDTODEVICE, sender.device,
                         static_cast<socklen_t>(std::strlen(sender.device))) == 0);
  return raw;
}

bool transmit(const UniqueFd& raw, const Sender& sender, const Packet& packet) {
  const inet::SocketAddress to(sender.route.value_or(packet.to.address), 0);
  const std::vector<uint8_t> all = octets(packet);
  return ::sendto(raw.get(), all.data(), all.size(), 0, to.get(), to.size()) ==
         static_cast<ssize_t>(all.size());
}

}  // namespace

FilteredHost::FilteredHost(const nft::Ruleset& ruleset) : network_(Network::get()) {
  stay_on_one_processor();
  network_.reset();
  const On here(inside());
  run(no_answers);
  const auto applied = apply(ruleset, nft::Existing::replace);
  if (!applied) FAIL(applied.error().message);
  log_.emplace(std::move(*nft::DeniedLog::open(ruleset.log_group)));
  if (ruleset.name_queue)
    queue_.emplace(std::move(*nft::FlowQueue::open(*ruleset.name_queue, ruleset.gate_mark)));
}

FilteredHost::~FilteredHost() {
  go_to_any_processor();
}

std::string FilteredHost::sends(const Sender& sender, const Packet& packet) {
  const On here(inside());
  const UniqueFd raw = raw_socket(sender, packet.from.address.family());
  INFO(text(packet));
  if (!transmit(raw, sender, packet) && errno != EPERM)
    FAIL("the kernel did not send: " << std::strerror(errno));
  last_ = packet;
  look();
  return what_happened(packet);
}

size_t FilteredHost::sends_all(const Sender& sender, const std::vector<Packet>& packets) {
  const On here(inside());
  const UniqueFd raw = raw_socket(sender, packets.front().from.address.family());
  size_t sent = 0;
  for (const Packet& each : packets) {
    if (transmit(raw, sender, each)) ++sent;
    if (&each - packets.data() != 0 && (&each - packets.data()) % 64 == 0) look();
  }
  look();
  return sent;
}

std::string FilteredHost::gets(const Packet& packet, const char* by) {
  network_.inject(by, Cast::unicast, packet);
  last_ = packet;
  look();
  return what_happened(packet);
}

std::string FilteredHost::gets_by_multicast(const Packet& packet, const char* by) {
  network_.inject(by, Cast::multicast, packet);
  look();
  return what_happened(packet);
}

std::string FilteredHost::observes() {
  look();
  return what_happened(std::nullopt);
}

void FilteredHost::look() {
  seen_ = network_.look();
  causes_.clear();
  waiting_.clear();
  while (queue_) {
    const auto packet = queue_->next();
    REQUIRE(packet);
    if (!*packet) break;
    waiting_.push_back((*packet)->id);
  }
  for (auto events = log_->read(); events && !events->empty(); events = log_->read())
    for (const nft::Denied& each : *events)
      if (each.icmp_type != multicast_report)
        causes_.emplace_back(each.cause == nft::Cause::no_rule ? "no-rule" : nft::text(each.cause));
}

std::string FilteredHost::what_happened(const std::optional<Packet>& packet) const {
  std::vector<std::string> events = causes_;
  events.insert(events.end(), waiting_.size(), "waits");
  const auto add = [&](const std::vector<Packet>& seen, const char* what) {
    for (const Packet& each : seen) {
      if (packet && same(each, *packet))
        events.emplace_back(what);
      else if (packet && is_redirected(each, *packet))
        events.emplace_back("to the gate");
      else if (packet && &seen != &seen_.left && refuses(each, *packet))
        events.emplace_back("refused");
      else
        events.push_back(std::string(what) + ": " + text(each));
    }
  };
  add(seen_.left, "leaves");
  add(seen_.stayed, "stays");
  add(seen_.entered, "enters");
  add(seen_.to_neighbour, "goes to a neighbour");
  if (seen_.received > 0 && seen_.stayed.empty()) events.emplace_back("accepted");
  if (seen_.received == 0 && !seen_.stayed.empty()) events.emplace_back("and is dropped there");

  std::string all;
  for (const std::string& each : events) all += (all.empty() ? "" : ", ") + each;
  for (const auto& [long_form, word] : words)
    if (all == long_form) return word;
  return all;
}

Packet FilteredHost::connected(const Sender& sender, const Packet& syn) {
  CHECK(sends(sender, syn) == "leaves");
  CHECK(gets(answer(syn, flag::syn | flag::ack)) == "accepted");
  return again(syn, flag::ack);
}

void FilteredHost::runs(const std::string& command) {
  const On here(inside());
  run(command);
}

void FilteredHost::opens_direct_dns(const nft::Ruleset& ruleset) {
  const On here(inside());
  auto table = nft::Table::open();
  REQUIRE(table);
  REQUIRE(table->open_direct_dns(ruleset));
}

void FilteredHost::apply_again(const nft::Ruleset& ruleset) {
  const On here(inside());
  const auto applied = apply(ruleset, nft::Existing::keep_admissions);
  if (!applied) FAIL(applied.error().message);
}

void FilteredHost::settles(const nft::Ruleset& ruleset) {
  const On here(inside());
  const auto settled = nft::settle_flows(ruleset, nft::FlowsBegan::before_this_boot);
  if (!settled) FAIL(settled.error().message);
}

void FilteredHost::admit(const char* address, uint8_t protocol, uint16_t port) {
  admit({*inet::IpAddress::parse(address), protocol, port, std::chrono::minutes(1)});
}

void FilteredHost::admit_by_name(const char* address, uint16_t port) {
  admit({.address = *inet::IpAddress::parse(address),
         .protocol = IPPROTO_TCP,
         .port = port,
         .lifetime = std::chrono::minutes(1),
         .admits = nft::Admits::named_flows});
}

void FilteredHost::admit(const nft::Admission& admission) {
  const On here(inside());
  auto admissions = nft::KernelAdmissions::open();
  REQUIRE(admissions);
  const std::array one{admission};
  const auto admitted = admissions->admit(one);
  if (!admitted) FAIL(admitted.error().message);
}

uint32_t FilteredHost::waiting_packet() {
  REQUIRE(waiting_.size() == 1);
  return waiting_.front();
}

std::string FilteredHost::passes() {
  const On here(inside());
  queue_->pass(waiting_packet());
  queue_->flush();
  look();
  return what_happened(last_);
}

void FilteredHost::drops() {
  const On here(inside());
  queue_->drop(waiting_packet());
  queue_->flush();
}

void FilteredHost::mark(const Packet& packet, uint32_t mark) {
  const On here(inside());
  auto marks = nft::FlowMarks::open();
  REQUIRE(marks);
  const auto written = marks->write({.local = packet.from.address,
                                     .remote = packet.to.address,
                                     .local_port = packet.from.port,
                                     .remote_port = packet.to.port},
                                    mark);
  REQUIRE(written);
  REQUIRE(*written);
}

std::string FilteredHost::flow(const Packet& packet) const {
  const On here(inside());
  std::ifstream flows("/proc/thread-self/net/nf_conntrack");
  const std::string ports =
      " sport=" + std::to_string(packet.from.port) + " dport=" + std::to_string(packet.to.port) + " ";
  for (std::string line; std::getline(flows, line);)
    if (line.contains(ports)) return line;
  return {};
}

}  // namespace ostiary::test::rules
