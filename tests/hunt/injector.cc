#include "injector.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "words.h"

namespace ostiary::hunt {
namespace {

constexpr unsigned pause = 1000;  // microseconds between bursts
constexpr size_t burst = 2;
constexpr size_t sequences = 4;

using Bytes = std::vector<uint8_t>;

void put16(Bytes& out, size_t at, uint32_t value) {
  out[at] = static_cast<uint8_t>(value >> 8U);
  out[at + 1] = static_cast<uint8_t>(value);
}

uint32_t sum_of(std::span<const uint8_t> data) {
  uint32_t sum = 0;
  for (size_t index = 0; index < data.size(); ++index)
    sum += index % 2 == 0 ? static_cast<uint32_t>(data[index]) << 8U : data[index];
  return sum;
}
uint32_t fold(uint32_t sum) {
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

std::span<const uint8_t> significant(const Address& address) {
  return std::span(address).subspan(is_v4(address) ? 12 : 0);
}

class Packets {
 public:
  Packets(const Stage& stage, uint64_t seed)
      : stage_(stage),
        random_(seed),
        peers4_{parse_address(peer4), parse_address(allowed4), stage.gateway4, parse_address(resolver4)},
        peers6_{parse_address(peer6), parse_address(allowed6), stage.gateway6, parse_address(resolver6)} {}

  struct Packet {
    Bytes octets;
    Address destination;
    Flow flow;
  };

  Packet next() {
    const bool v4 = random_.one_in(2);
    const Address peer = (v4 ? peers4_ : peers6_)[random_.below(peers4_.size())];
    const Address own = v4 ? stage_.own4 : stage_.own6;
    constexpr std::array protocols{IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP};
    auto protocol = static_cast<uint8_t>(protocols[random_.below(protocols.size())]);
    if (protocol == IPPROTO_ICMP && !v4) protocol = IPPROTO_ICMPV6;
    const Flow flow{protocol, peer, port(), port()};
    return {ip(peer, own, protocol, body(flow, peer, own)), own, flow};
  }

 private:
  uint16_t port() { return static_cast<uint16_t>(ports()[1 + random_.below(ports().size() - 1)].value); }

  Bytes body(const Flow& flow, const Address& from, const Address& to) {
    Bytes out;
    size_t sum_at = 6;
    if (flow.protocol == IPPROTO_TCP) {
      out.resize(20);
      out[7] = static_cast<uint8_t>(random_.below(sequences));
      out[11] = static_cast<uint8_t>(random_.below(sequences));
      out[12] = 5 << 4U;
      out[13] = static_cast<uint8_t>(tcp_flags()[random_.below(tcp_flags().size())].value);
      put16(out, 14, 0xffff);
      sum_at = 16;
    } else if (flow.protocol == IPPROTO_UDP) {
      out.resize(16, 'i');
      put16(out, 4, 16);
      put16(out, 6, 0);
    } else {
      out.resize(16, 0);
      out[0] = flow.protocol == IPPROTO_ICMP ? 8 : 128;
      sum_at = 2;
    }
    if (sum_at != 2) {
      put16(out, 0, flow.peer_port);
      put16(out, 2, flow.own_port);
    }
    uint32_t sum = sum_of(out);
    if (flow.protocol != IPPROTO_ICMP)
      sum += sum_of(significant(from)) + sum_of(significant(to)) + flow.protocol +
             static_cast<uint32_t>(out.size());
    put16(out, sum_at, fold(sum));
    return out;
  }

  static Bytes ip(const Address& from, const Address& to, uint8_t protocol, const Bytes& body) {
    Bytes out(is_v4(to) ? 20 : 40);
    if (is_v4(to)) {
      out[0] = 0x45;
      out[8] = 64;
      out[9] = protocol;
    } else {
      out[0] = 0x60;
      put16(out, 4, static_cast<uint32_t>(body.size()));
      out[6] = protocol;
      out[7] = 64;
    }
    const size_t at = is_v4(to) ? 12 : 8;
    const size_t size = significant(from).size();
    std::ranges::copy(significant(from), out.begin() + static_cast<ptrdiff_t>(at));
    std::ranges::copy(significant(to), out.begin() + static_cast<ptrdiff_t>(at + size));
    out.insert(out.end(), body.begin(), body.end());
    return out;
  }

  Stage stage_;
  Random random_;
  std::array<Address, 4> peers4_;
  std::array<Address, 4> peers6_;
};

void send(int socket4, int socket6, const Packets::Packet& packet) {
  if (is_v4(packet.destination)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, packet.destination.data() + 12, 4);
    (void)::sendto(socket4, packet.octets.data(), packet.octets.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, packet.destination.data(), 16);
    (void)::sendto(socket6, packet.octets.data(), packet.octets.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
}

}  // namespace

void inject(const Stage& stage, Judge& judge, Shared& shared, uint64_t seed) {
  const int socket4 = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  const int socket6 = ::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  Packets packets(stage, seed);
  while (shared.stop.load() == 0) {
    ::usleep(pause);
    if (shared.pause.load() > 1) continue;
    for (size_t count = 0; count < burst; ++count) {
      const auto packet = packets.next();
      judge.add_inbound_flow(packet.flow);  // before an answer can be on the wire
      send(socket4, socket6, packet);
      shared.injected.fetch_add(1);
    }
  }
  ::close(socket4);
  ::close(socket6);
}

}  // namespace ostiary::hunt
