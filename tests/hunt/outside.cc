// The network outside of a hunt: judges every packet on the wire, is the upstream and all hosts,
// and sends packets to the agent's host.
//   hunt_outside SHARED INTERFACE container|user SEED inject|quiet AUTHORIZATION named|- STAGE…
// With AUTHORIZATION, the relay's header for the collector, there is a collector. "-": there is none. Named: there is a
// host at the shared address.
// Reports a finding as a line of JSON on standard output. Ends when standard input is closed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector.h"
#include "injector.h"
#include "judge.h"
#include "name_forms.h"
#include "observation.h"
#include "reports.h"
#include "shared.h"
#include "upstream.h"

namespace ostiary::hunt {

namespace {

constexpr size_t largest_packet = 1U << 17U;
constexpr int receive_buffer = 64 << 20;
// From the wire to the collector. A packet of this time belongs to the time before it.
constexpr uint64_t time_to_arrive = 400'000'000;  // nanoseconds
constexpr std::array<uint16_t, 7> served_ports{https_port, http_port, 9999,           7001,
                                               7002,       7003,      collectors_port};
constexpr uint16_t dns_port = 53;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

int needed(int result, const char* what) {
  if (result < 0) give_up(what);
  return result;
}

// ---- the wire

int open_wire(const char* interface) {
  const int wire = needed(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "packet socket");
  needed(::setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer),
         "SO_RCVBUFFORCE");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(ETH_P_ALL);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  needed(::bind(wire, reinterpret_cast<const sockaddr*>(&where), sizeof where), interface);
  const int on = 1;
  needed(::setsockopt(wire, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on), "SO_TIMESTAMPNS");
  return wire;
}

uint64_t nanoseconds(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(time.tv_nsec);
}

// A packet, who sent it, and the time at which the kernel received it.
struct CapturedPacket {
  enum class From : uint8_t { agents_host, this_side };
  std::span<const uint8_t> packet;
  uint64_t at = 0;
  From from = From::agents_host;
};

std::optional<CapturedPacket> receive(int wire, std::span<uint8_t> room) {
  sockaddr_ll from{};
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(timespec))> control{};
  msghdr message{.msg_name = &from,
                 .msg_namelen = sizeof from,
                 .msg_iov = &part,
                 .msg_iovlen = 1,
                 .msg_control = control.data(),
                 .msg_controllen = control.size(),
                 .msg_flags = 0};
  const ssize_t got = ::recvmsg(wire, &message, 0);
  if (got < 0) return std::nullopt;
  timespec at{};
  if (cmsghdr* const first = CMSG_FIRSTHDR(&message); first != nullptr && first->cmsg_type == SO_TIMESTAMPNS)
    std::memcpy(&at, CMSG_DATA(first), sizeof at);
  using From = CapturedPacket::From;
  return CapturedPacket{room.first(static_cast<size_t>(got)), nanoseconds(at),
                        from.sll_pkttype == PACKET_OUTGOING ? From::this_side : From::agents_host};
}

Phase phase_of(const Shared& shared) {
  if (shared.ended.load() != 0) return Phase::ended;
  if (shared.stop.load() != 0) return Phase::ending;
  return shared.flushes.load() != 0 ? Phase::flushed : Phase::hunting;
}

void watch_wire(int wire, Judge& judge, Shared& shared, Reports& reports) {
  std::vector<uint8_t> room(largest_packet);
  while (true) {
    const auto captured = receive(wire, room);
    if (!captured) continue;
    if (captured->from == CapturedPacket::From::this_side) {
      if (const auto answer = observe(captured->packet)) judge.note_answer(*answer);
      continue;
    }
    if (shared.wire_packets.fetch_add(1) % 256 == 0) {
      tpacket_stats lost{};
      socklen_t room_for = sizeof lost;
      if (::getsockopt(wire, SOL_PACKET, PACKET_STATISTICS, &lost, &room_for) == 0)
        shared.wire_lost.fetch_add(lost.tp_drops);
    }
    const auto observation = observe(captured->packet);
    if (!observation) continue;  // ARP
    const Verdict verdict = judge.judge(*observation, phase_of(shared));
    shared.named.store(judge.named_flows());
    if (verdict.kind == Verdict::Kind::admitted) shared.wire_admitted.fetch_add(1);
    if (verdict.kind != Verdict::Kind::finding) continue;
    if (shared.excused.load() != 0 || captured->at <= shared.excused_until.load()) {
      shared.wire_excused.fetch_add(1);
      judge.excuse(*observation);
    } else {
      reports.report(verdict.what, &*observation, captured->packet, observation->seed);
    }
  }
}

// ---- the hosts

using Bytes = std::vector<uint8_t>;

class Hosts {
 public:
  // Without an authorization there is no collector.
  Hosts(Upstream& upstream, Shared& shared, Reports& reports, std::string authorization)
      : upstream_(upstream),
        shared_(shared),
        reports_(reports),
        authorization_(std::move(authorization)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listen(dns_port);
    for (const uint16_t port : served_ports) listen(port);
  }

  void serve() {
    while (true) {
      std::array<epoll_event, 64> events{};
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int index = 0; index < ready; ++index) serve_one(events[static_cast<size_t>(index)].data.fd);
    }
  }

 private:
  enum class Role : uint8_t { datagrams, listener, connection };
  struct Socket {
    Role role;
    uint16_t port;
    Bytes pending;
    std::optional<CollectorConnection> collector;
    size_t octets = 0;   // received at the shared address
    uint64_t begun = 0;  // of a connection; CLOCK_REALTIME in nanoseconds
  };

  void add(int socket, Role role, uint16_t port) {
    sockets_[socket] = {role, port, {}, {}, 0, now()};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    needed(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event), "epoll_ctl");
  }

  void listen(uint16_t port) {
    for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
      const int socket = needed(::socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
      const int one = 1, zero = 0;
      needed(::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero), "IPV6_V6ONLY");
      needed(::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "SO_REUSEADDR");
      needed(::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one), "IPV6_RECVPKTINFO");
      sockaddr_in6 name{};
      name.sin6_family = AF_INET6;
      name.sin6_port = htons(port);
      needed(::bind(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name), "bind");
      // A program can have a packet lost, which is sent again.
      const int least_hops = 2;
      (void)::setsockopt(socket, IPPROTO_IP, IP_MINTTL, &least_hops, sizeof least_hops);
      (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &least_hops, sizeof least_hops);
      if (type == SOCK_STREAM) needed(::listen(socket, SOMAXCONN), "listen");
      add(socket, type == SOCK_DGRAM ? Role::datagrams : Role::listener, port);
    }
  }

  void serve_one(int socket) {
    const auto found = sockets_.find(socket);
    if (found == sockets_.end()) return;
    switch (found->second.role) {
      case Role::datagrams:
        answer_datagram(socket, found->second.port);
        break;
      case Role::listener: {
        const int connection = ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0) break;
        add(connection, Role::connection, found->second.port);
        if (is_to_collector(connection, found->second.port))
          sockets_[connection].collector.emplace(authorization_, ++connections_);
        break;
      }
      case Role::connection:
        answer_connection(socket, found->second);
        break;
    }
  }

  // Replies from the address that the datagram was sent to.
  void answer_datagram(int socket, uint16_t port) {
    std::array<uint8_t, 65536> room;
    alignas(cmsghdr) std::array<uint8_t, 256> control{};
    sockaddr_in6 from{};
    iovec piece{room.data(), room.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket, &message, 0);
    if (got < 0) return;
    const std::span<const uint8_t> said(room.data(), static_cast<size_t>(got));
    Bytes reply = port == dns_port ? upstream_.answer(said) : Bytes(said.begin(), said.end());
    if (reply.empty()) return;
    piece = {reply.data(), reply.size()};
    if (cmsghdr* const first = CMSG_FIRSTHDR(&message))  // the reply may use another interface
      std::memset(CMSG_DATA(first) + sizeof(in6_addr), 0, sizeof(unsigned));
    (void)::sendmsg(socket, &message, MSG_DONTWAIT);
  }

  void answer_connection(int socket, Socket& state) {
    std::array<uint8_t, 65536> room;
    const ssize_t got = ::recv(socket, room.data(), room.size(), 0);
    if (state.collector)
      return answer_as_collector(
          socket, state,
          {reinterpret_cast<const char*>(room.data()), static_cast<size_t>(std::max<ssize_t>(got, 0))});
    if (got <= 0) return close(socket);
    if (state.port == https_port && is_at(socket, {shared4, shared6}))
      return answer_hello(socket, state, static_cast<size_t>(got));
    if (state.port != dns_port) return;  // reads the data, and does not answer
    state.pending.insert(state.pending.end(), room.begin(), room.begin() + got);
    while (state.pending.size() >= 2) {
      const size_t size = static_cast<size_t>(state.pending[0] << 8U | state.pending[1]);
      if (state.pending.size() < 2 + size) return;
      const Bytes reply = upstream_.answer(std::span(state.pending).subspan(2, size));
      state.pending.erase(state.pending.begin(), state.pending.begin() + static_cast<ptrdiff_t>(2 + size));
      Bytes framed{static_cast<uint8_t>(reply.size() >> 8U), static_cast<uint8_t>(reply.size())};
      framed.insert(framed.end(), reply.begin(), reply.end());
      (void)::send(socket, framed.data(), framed.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  }

  // After a whole hello, once: asks for another, refuses it, or says nothing.
  void answer_hello(int socket, Socket& state, size_t octets) {
    static const size_t whole = hello_of(shared_name, 0).size();
    const bool was_whole = state.octets >= whole;
    state.octets += octets;
    if (was_whole || state.octets < whole) return;
    const std::string refusal("\x15\x03\x03\x00\x02\x02\x28", 7);
    const std::array<std::string, 3> answers{retry_request(), refusal, ""};
    const std::string& answer = answers[++hellos_ % answers.size()];
    if (!answer.empty()) (void)::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  void close(int socket) {
    ::close(socket);
    sockets_.erase(socket);
  }

  static bool is_at(int socket, std::initializer_list<const char*> addresses) {
    sockaddr_in6 name{};
    socklen_t size = sizeof name;
    if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
    Address own{};
    std::memcpy(own.data(), &name.sin6_addr, own.size());
    return std::ranges::any_of(addresses, [&own](const char* each) { return own == parse_address(each); });
  }

  // ---- the collector

  bool is_to_collector(int socket, uint16_t port) const {
    return !authorization_.empty() && port == collectors_port && is_at(socket, {collector4, collector6});
  }

  void answer_as_collector(int socket, Socket& state, std::string_view octets) {
    if (octets.empty()) {
      if (const std::string what = state.collector->end(); !what.empty() && !is_left_by_a_helper())
        report(what, octets, evidence_of(socket, state));
      return close(socket);
    }
    const CollectorConnection::Outcome outcome = state.collector->take(octets);
    (void)::send(socket, outcome.answer.data(), outcome.answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    shared_.relayed.fetch_add(outcome.requests);
    if (!outcome.finding.empty()) report(outcome.finding, octets, outcome.evidence);
    if (outcome.then == CollectorConnection::Outcome::Then::close) close(socket);
  }

  // A helper that ends leaves connections without a request.
  bool is_left_by_a_helper() {
    if (shared_.stop.load() != 0 || now() <= shared_.killed_until.load()) return true;
    if (left_by_relays_ == shared_.relay_kills.load()) return false;
    ++left_by_relays_;
    return true;
  }

  static std::string evidence_of(int socket, const Socket& state) {
    sockaddr_in6 name{};
    socklen_t size = sizeof name;
    (void)::getpeername(socket, reinterpret_cast<sockaddr*>(&name), &size);
    return "from port " + std::to_string(ntohs(name.sin6_port)) + ", begun " +
           std::to_string((now() - state.begun) / 1'000'000) + " ms before its end";
  }

  void report(const std::string& what, std::string_view octets, std::string_view evidence) {
    if (shared_.excused.load() != 0 || now() <= shared_.excused_until.load() + time_to_arrive) return;
    reports_.report(what, nullptr, {},
                    seed_in({reinterpret_cast<const uint8_t*>(octets.data()), octets.size()}), evidence);
  }

  static uint64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return nanoseconds(time);
  }

  Upstream& upstream_;
  Shared& shared_;
  Reports& reports_;
  std::string authorization_;
  uint64_t connections_ = 0;     // to the collector
  uint64_t left_by_relays_ = 0;  // of these, after the moment in which a helper is killed
  uint64_t hellos_ = 0;
  int epoll_;
  std::map<int, Socket> sockets_;
};

}  // namespace
}  // namespace ostiary::hunt

int main(int argc, char** argv) {
  using namespace ostiary::hunt;
  if (argc != 8 + Stage::arguments) {
    std::fputs("usage: SHARED INTERFACE container|user SEED inject|quiet AUTHORIZATION|- named|- STAGE…\n",
               stderr);
    return EXIT_FAILURE;
  }
  Shared& shared = map_shared(argv[1]);
  const std::string authorization = std::strcmp(argv[6], "-") == 0 ? "" : argv[6];
  const Names names = std::strcmp(argv[7], "named") == 0 ? Names::checked : Names::unknown;
  const Stage stage = Stage::parse(argv + 8);
  const Collector collector = authorization.empty() ? Collector::unknown : Collector::relayed;
  Judge judge(stage, std::strcmp(argv[3], "user") == 0 ? Scope::user : Scope::container, collector, names);
  Reports reports(shared);
  Upstream upstream(judge, shared, reports, collector, names);
  Hosts hosts(upstream, shared, reports, authorization);
  const int wire = open_wire(argv[2]);
  std::puts("{\"ready\": true}");
  std::fflush(stdout);
  std::thread([&] { watch_wire(wire, judge, shared, reports); }).detach();
  std::thread([&] { hosts.serve(); }).detach();
  if (std::strcmp(argv[5], "inject") == 0)
    std::thread([&] { inject(stage, judge, shared, std::strtoull(argv[4], nullptr, 0)); }).detach();
  std::array<char, 64> room{};
  while (::read(STDIN_FILENO, room.data(), room.size()) > 0) {
  }
  std::_Exit(EXIT_SUCCESS);
}
