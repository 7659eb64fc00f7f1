#include "machine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/in6.h>
#include <linux/seg6.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"
#include "words.h"

namespace ostiary::hunt {
namespace {

constexpr size_t longest_payload = 60000;
constexpr size_t backlog = 8;
constexpr int longest_wait = 12;  // milliseconds

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};
struct Named {
  SocketAddress address{};
  socklen_t size = 0;
};

in_addr v4_of(const Address& address) {
  in_addr out{};
  std::memcpy(&out, address.data() + 12, sizeof out);
  return out;
}
in6_addr v6_of(const Address& address) {
  in6_addr out{};
  std::memcpy(&out, address.data(), sizeof out);
  return out;
}

Named named(const Places& places, const Place& place, uint16_t port) {
  Named out;
  if (place.sort == Sort::v4) {
    out.address.v4.sin_family = AF_INET;
    out.address.v4.sin_port = htons(port);
    out.address.v4.sin_addr = v4_of(place.address);
    out.size = sizeof out.address.v4;
  } else {
    out.address.v6.sin6_family = AF_INET6;
    out.address.v6.sin6_port = htons(port);
    out.address.v6.sin6_addr = v6_of(place.address);
    out.address.v6.sin6_scope_id = places.scope_of(place);
    out.size = sizeof out.address.v6;
  }
  return out;
}

uint16_t port_of(uint8_t index) {
  return static_cast<uint16_t>(ports()[index].value);
}

std::vector<uint8_t> bytes_of(const void* object, size_t size) {
  const auto* first = static_cast<const uint8_t*>(object);
  return {first, first + size};
}
template <typename T>
std::vector<uint8_t> bytes_of(const T& object) {
  return bytes_of(&object, sizeof object);
}
void append(std::vector<uint8_t>& out, const Address& address) {
  out.insert(out.end(), address.begin(), address.end());
}

// IPv4 source routes: one hop, and the address to which the packet continues.
std::vector<uint8_t> ip_options(int kind, const Place& first, const Place& last) {
  std::vector<uint8_t> out;
  switch (kind) {
    case 131:
    case 137:
      out = {static_cast<uint8_t>(kind), 11, 4};
      out.insert(out.end(), first.address.begin() + 12, first.address.end());
      out.insert(out.end(), last.address.begin() + 12, last.address.end());
      break;
    case 7:
      out = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0};
      break;
    case 68:
      out = {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0};
      break;
    case 148:
      out = {148, 4, 0, 0};
      break;
    default:
      out = {134, 6, 0, 0, 0, 1};
  }
  while (out.size() % 4 != 0) out.push_back(0);
  return out;
}

std::vector<uint8_t> routing_header(int kind, const Place& first, const Place& last) {
  std::vector<uint8_t> out;
  switch (kind) {
    case 4:  // a segment routing header with one segment
      out = {0, 2, 4, 0, 0, 0, 0, 0};
      append(out, first.address);
      break;
    case 5:  // with two
      out = {0, 4, 4, 1, 1, 0, 0, 0};
      append(out, last.address);
      append(out, first.address);
      break;
    case 2:
      out = {0, 2, 2, 1, 0, 0, 0, 0};
      append(out, first.address);
      break;
    case 3:
      out = {0, 2, 3, 1, 0, 0, 0, 0};
      append(out, first.address);
      break;
    default:
      out = {0, 2, 0, 1, 0, 0, 0, 0};
      append(out, first.address);
  }
  return out;
}

std::vector<uint8_t> extension_header() {
  return {0, 0, 1, 4, 0, 0, 0, 0};  // padding
}

int interface_of(const Places& places, uint8_t index) {
  const int which = interfaces()[index].value;
  return which == 2 ? static_cast<int>(places.interface()) : which;
}

struct Message {
  msghdr header{};
  iovec piece{};
  alignas(cmsghdr) std::array<uint8_t, 256> control{};

  void add(int level, int type, const void* data, size_t size) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = level;
    first->cmsg_type = type;
    first->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(first), data, size);
  }
};

void add_control(Message& message, Control control, const Places& places, const Place& place, int interface,
                 uint8_t raw_index) {
  const int number = 64;
  switch (control) {
    case Control::none:
      break;
    case Control::pktinfo4: {
      const in_pktinfo info{interface, v4_of(place.address), {}};
      message.add(IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
      break;
    }
    case Control::pktinfo6: {
      in6_pktinfo info{};
      info.ipi6_addr = v6_of(place.address);
      info.ipi6_ifindex = static_cast<unsigned>(interface);
      message.add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
      break;
    }
    case Control::ttl:
      message.add(IPPROTO_IP, IP_TTL, &number, sizeof number);
      break;
    case Control::tos:
      message.add(IPPROTO_IP, IP_TOS, &number, sizeof number);
      break;
    case Control::ip_options: {
      const auto options =
          ip_options(raw_index % 2 == 0 ? 131 : 137, places.at(place_index::allowed4), place);
      message.add(IPPROTO_IP, IP_RETOPTS, options.data(), options.size());
      break;
    }
    case Control::hop_limit: {
      const int most = 255;
      message.add(IPPROTO_IPV6, IPV6_HOPLIMIT, &most, sizeof most);
      break;
    }
    case Control::traffic_class:
      message.add(IPPROTO_IPV6, IPV6_TCLASS, &number, sizeof number);
      break;
    case Control::routing_header: {
      const auto header = routing_header(raw_index % 2 == 0 ? 4 : 5, place, places.at(place_index::allowed6));
      message.add(IPPROTO_IPV6, IPV6_RTHDR, header.data(), header.size());
      break;
    }
    case Control::destination_options:
    case Control::hop_by_hop: {
      const auto header = extension_header();
      const int type = control == Control::hop_by_hop ? IPV6_HOPOPTS : IPV6_DSTOPTS;
      message.add(IPPROTO_IPV6, type, header.data(), header.size());
      break;
    }
    case Control::dont_fragment: {
      const int one = 1;
      message.add(IPPROTO_IPV6, IPV6_DONTFRAG, &one, sizeof one);
      break;
    }
    case Control::segment: {
      const uint16_t size = 400;
      message.add(IPPROTO_UDP, 103, &size, sizeof size);
      break;
    }
    case Control::mark:
      message.add(SOL_SOCKET, SO_MARK, &number, sizeof number);
      break;
    case Control::flow_info:
      message.add(IPPROTO_IPV6, IPV6_FLOWINFO, &number, sizeof number);
      break;
  }
}

std::vector<uint8_t> option_value(const Option& option, const Step& step, const Places& places) {
  const int number = numbers()[step.arguments[1]].value;
  const Place& place = places.at(step.arguments[2]);
  const int interface = interface_of(places, step.arguments[3]);
  const int route = routes()[step.arguments[4]].value;
  const Place& other = places.at(step.arguments[5]);
  switch (option.shape) {
    case Shape::number:
      return bytes_of(number);
    case Shape::interface:
      return bytes_of(interface);
    case Shape::network_interface:
      return bytes_of(htonl(static_cast<uint32_t>(interface)));
    case Shape::device: {
      const char* const name =
          interfaces()[step.arguments[3]].value == 0 ? "" : interfaces()[step.arguments[3]].name.data();
      return bytes_of(name, std::strlen(name) + 1);
    }
    case Shape::address4:
      return bytes_of(v4_of(place.address));
    case Shape::mreqn:
      return bytes_of(ip_mreqn{v4_of(other.address), v4_of(place.address), interface});
    case Shape::mreq6:
      return bytes_of(ipv6_mreq{v6_of(place.address), static_cast<unsigned>(interface)});
    case Shape::group_request: {
      group_req request{};
      request.gr_interface = static_cast<uint32_t>(interface);
      const Named group = named(places, place, 0);
      std::memcpy(&request.gr_group, &group.address, group.size);
      return bytes_of(request);
    }
    case Shape::source_request:
      return bytes_of(ip_mreq_source{v4_of(other.address), v4_of(place.address), v4_of(other.address)});
    case Shape::pktinfo6: {
      in6_pktinfo info{};
      info.ipi6_addr = v6_of(place.address);
      info.ipi6_ifindex = static_cast<unsigned>(interface);
      return bytes_of(info);
    }
    case Shape::routing_header:
      return routing_header(route, place, other);
    case Shape::extension_header:
      return extension_header();
    case Shape::ip_options:
      return ip_options(route, place, other);
    case Shape::linger:
      return bytes_of(linger{1, number == 1 ? 0 : 1});
    case Shape::congestion:
      return bytes_of("reno", 4);
    case Shape::protocol_layer:
      return bytes_of(number == 1 ? "tls" : "mptcp", number == 1 ? 3 : 5);
    case Shape::md5: {
      tcp_md5sig key{};
      const Named peer = named(places, place, 0);
      std::memcpy(&key.tcpm_addr, &peer.address, peer.size);
      key.tcpm_keylen = 4;
      return bytes_of(key);
    }
    case Shape::port_range:
      return bytes_of(uint32_t{7003U << 16U | 7001U});
    case Shape::flow_label: {
      in6_flowlabel_req request{};
      request.flr_dst = v6_of(place.address);
      request.flr_action = IPV6_FL_A_GET;
      request.flr_share = IPV6_FL_S_ANY;
      request.flr_flags = IPV6_FL_F_CREATE;
      request.flr_label = htonl(0x12345);
      return bytes_of(request);
    }
  }
  return {};
}

uint16_t checksum(std::span<const uint8_t> data, uint32_t sum) {
  for (size_t index = 0; index < data.size(); ++index)
    sum += index % 2 == 0 ? static_cast<uint32_t>(data[index]) << 8U : data[index];
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<uint16_t>(~sum);
}

void put16(std::vector<uint8_t>& out, size_t at, uint32_t value) {
  out[at] = static_cast<uint8_t>(value >> 8U);
  out[at + 1] = static_cast<uint8_t>(value);
}

// A payload behind a transport header, with a checksum if the protocol has one.
std::vector<uint8_t> transport(uint8_t protocol, const Step& step, const Place& from, const Place& to,
                               std::span<const uint8_t> payload) {
  std::vector<uint8_t> out;
  size_t sum_at = 0;
  if (protocol == IPPROTO_TCP) {
    out.resize(20);
    out[7] = out[11] = 1;
    out[12] = 5 << 4U;
    out[13] = static_cast<uint8_t>(tcp_flags()[step.arguments[6]].value);
    out[14] = 0xff;
    sum_at = 16;
  } else if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) {
    out.resize(8);
    if (protocol == IPPROTO_UDP) put16(out, 4, static_cast<uint32_t>(8 + payload.size()));
    sum_at = 6;
  } else {
    out.resize(8);
    out[0] = protocol == IPPROTO_ICMPV6 ? 128 : 8;
    sum_at = 2;
  }
  if (sum_at != 2) {
    put16(out, 0, port_of(step.arguments[3]));
    put16(out, 2, port_of(step.arguments[4]));
  }
  out.insert(out.end(), payload.begin(), payload.end());
  uint32_t pseudo = 0;
  if (protocol != IPPROTO_ICMP) {
    std::vector<uint8_t> addresses;
    const auto skip = from.sort == Sort::v4 ? 12 : 0;
    for (const Place* each : {&from, &to})
      addresses.insert(addresses.end(), each->address.begin() + skip, each->address.end());
    pseudo = static_cast<uint16_t>(~checksum(addresses, 0)) + protocol + static_cast<uint32_t>(out.size());
  }
  put16(out, sum_at, checksum(out, pseudo));
  return out;
}

}  // namespace

Machine::Machine(const Stage& stage, int exchange_give, int exchange_take)
    : places_(stage), give_(exchange_give), take_(exchange_take), payload_(longest_payload) {
  sockets_.fill(-1);
}

void Machine::run(const Program& program, uint64_t seed) {
  if (seed_ != seed) {
    for (size_t at = 0; at + payload_period <= payload_.size(); at += payload_period) {
      std::memcpy(&payload_[at], &payload_magic, sizeof payload_magic);
      std::memcpy(&payload_[at + sizeof payload_magic], &seed, sizeof seed);
    }
    seed_ = seed;
  }
  for (const Step& each : program) step(each);
  for (uint8_t slot = 0; slot < limits::slots; ++slot) put(slot, -1);
}

void Machine::put(uint8_t slot, int socket) {
  if (sockets_[slot] >= 0) ::close(sockets_[slot]);
  sockets_[slot] = socket;
}

const Place* Machine::place(uint8_t index) const {
  return index < places_.size() ? &places_.at(index) : nullptr;
}

void Machine::step(const Step& step) {
  const int socket = sockets_[step.slot];
  switch (step.kind) {
    case Kind::open:
      open(step);
      break;
    case Kind::bind:
      if (const Place* where = place(step.arguments[0])) {
        const Named name = named(places_, *where, port_of(step.arguments[1]));
        (void)::bind(socket, &name.address.any, name.size);
      }
      break;
    case Kind::connect:
      if (const Place* where = place(step.arguments[0])) {
        const Named name = named(places_, *where, port_of(step.arguments[1]));
        (void)::connect(socket, &name.address.any, name.size);
      }
      break;
    case Kind::disconnect: {
      sockaddr_in6 nobody{};
      nobody.sin6_family = AF_UNSPEC;
      SocketAddress name{};
      name.v6 = nobody;
      (void)::connect(socket, &name.any, sizeof nobody);
      break;
    }
    case Kind::send:
      send(step);
      break;
    case Kind::option:
      set_option(step);
      break;
    case Kind::listen:
      (void)::listen(socket, backlog);
      break;
    case Kind::accept:
      accept(step);
      break;
    case Kind::shutdown:
      (void)::shutdown(socket, ways()[step.arguments[0]].value);
      break;
    case Kind::receive: {
      std::array<uint8_t, 2048> room{};
      (void)!::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
      break;
    }
    case Kind::close:
      put(step.slot, -1);
      break;
    case Kind::give:
      give(socket);
      break;
    case Kind::take:
      take(step.slot);
      break;
    case Kind::wait: {
      const timespec time{0, 1000L * pauses()[step.arguments[0]].value};
      if (time.tv_nsec != 0) ::nanosleep(&time, nullptr);
      break;
    }
    case Kind::await: {
      const bool reads = ways()[step.arguments[0]].value == SHUT_RD;
      pollfd waiting{socket, static_cast<short>(reads ? POLLIN : POLLOUT), 0};
      (void)::poll(&waiting, 1, longest_wait);
      break;
    }
    case Kind::fork:
      // The child runs the remaining steps. It then exits in run() of agent.cc.
      (void)::fork();
      break;
    case Kind::raw:
      raw(step);
      break;
  }
}

void Machine::open(const Step& step) {
  const int type = types()[step.arguments[1]].value | SOCK_NONBLOCK | SOCK_CLOEXEC;
  protocols_[step.slot] = protocols()[step.arguments[2]].value;
  put(step.slot, ::socket(families()[step.arguments[0]].value, type, protocols_[step.slot]));
}

std::vector<uint8_t> Machine::words(int kind) const {
  if (kind > first_relay_form) return question(kind);
  const std::string octets = kind > first_name_form
                                 ? octets_of(static_cast<RelayForm>(first_relay_form - kind), seed_)
                                 : octets_of(static_cast<NameForm>(first_name_form - kind), seed_);
  return {octets.begin(), octets.end()};
}

// A DNS question for the allowed name, or for a name that no rule allows and that contains the
// seed.
std::vector<uint8_t> Machine::question(int kind) const {
  std::string name = kind == allowed_question ? "allowed" : std::string(16, '0');
  if (kind == denied_question)
    for (size_t digit = 0; digit < 16; ++digit)
      name[digit] = "0123456789abcdef"[seed_ >> (60 - 4 * digit) & 15U];
  std::vector<uint8_t> out{7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (const std::string& label : {name, std::string("hunt"), std::string("example")}) {
    out.push_back(static_cast<uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  for (const uint8_t octet : std::array<uint8_t, 5>{0, 0, 1, 0, 1}) out.push_back(octet);
  return out;
}

void Machine::send(const Step& step) {
  Message message;
  const int kind = payloads()[step.arguments[2]].value;
  std::vector<uint8_t> said = kind < 0 ? words(kind) : std::vector<uint8_t>{};
  // A ping socket accepts only echo requests.
  std::array<uint8_t, 8> echo{};
  const int protocol = protocols_[step.slot];
  const bool is_ping = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
  echo[0] = protocol == IPPROTO_ICMPV6 ? 128 : 8;
  std::array<iovec, 2> pieces{iovec{echo.data(), echo.size()},
                              iovec{payload_.data(), static_cast<size_t>(std::max(kind, 0))}};
  if (kind < 0) pieces[1] = {said.data(), said.size()};
  message.header.msg_iov = is_ping ? pieces.data() : &pieces[1];
  message.header.msg_iovlen = is_ping ? 2 : 1;
  Named name;
  if (const Place* where = place(step.arguments[0])) {
    name = named(places_, *where, port_of(step.arguments[1]));
    message.header.msg_name = &name.address;
    message.header.msg_namelen = name.size;
  }
  add_control(message, static_cast<Control>(controls()[step.arguments[4]].value), places_,
              places_.at(step.arguments[5]), interface_of(places_, step.arguments[6]), step.arguments[6]);
  (void)::sendmsg(sockets_[step.slot], &message.header,
                  flags()[step.arguments[3]].value | MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Machine::set_option(const Step& step) {
  const Option& option = options()[step.arguments[0]];
  const std::vector<uint8_t> value = option_value(option, step, places_);
  (void)::setsockopt(sockets_[step.slot], option.level, option.number, value.data(),
                     static_cast<socklen_t>(value.size()));
}

void Machine::accept(const Step& step) {
  const int accepted = ::accept4(sockets_[step.slot], nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0) put(step.arguments[0], accepted);
}

void Machine::give(int socket) {
  if (socket < 0) return;
  Message message;
  uint8_t octet = 0;
  message.piece = {&octet, 1};
  message.header.msg_iov = &message.piece;
  message.header.msg_iovlen = 1;
  message.add(SOL_SOCKET, SCM_RIGHTS, &socket, sizeof socket);
  (void)::sendmsg(give_, &message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Machine::take(uint8_t slot) {
  Message message;
  uint8_t octet = 0;
  message.piece = {&octet, 1};
  message.header.msg_iov = &message.piece;
  message.header.msg_iovlen = 1;
  message.header.msg_control = message.control.data();
  message.header.msg_controllen = message.control.size();
  if (::recvmsg(take_, &message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return;
  const cmsghdr* const first = CMSG_FIRSTHDR(&message.header);
  if (first == nullptr || first->cmsg_type != SCM_RIGHTS) return;
  int socket = -1;
  std::memcpy(&socket, CMSG_DATA(first), sizeof socket);
  put(slot, socket);
}

void Machine::raw(const Step& step) {
  const Place& from = places_.at(step.arguments[0]);
  const Place& to = places_.at(step.arguments[1]);
  if (from.sort != to.sort) return;
  const auto protocol = static_cast<uint8_t>(protocols()[step.arguments[2]].value);
  const int wanted = payloads()[step.arguments[5]].value;
  const size_t size = wanted < 0 ? 64 : std::min<size_t>(static_cast<size_t>(wanted), 1400);
  const std::vector<uint8_t> body = transport(protocol, step, from, to, {payload_.data(), size});
  const bool v4 = from.sort == Sort::v4;
  std::vector<uint8_t> packet(v4 ? 20 : 40);
  if (v4) {
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = protocol;
    std::copy(from.address.begin() + 12, from.address.end(), packet.begin() + 12);
    std::copy(to.address.begin() + 12, to.address.end(), packet.begin() + 16);
  } else {
    packet[0] = 0x60;
    put16(packet, 4, static_cast<uint32_t>(body.size()));
    packet[6] = protocol;
    packet[7] = 64;
    std::ranges::copy(from.address, packet.begin() + 8);
    std::ranges::copy(to.address, packet.begin() + 24);
  }
  packet.insert(packet.end(), body.begin(), body.end());
  put(step.slot, ::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  const Named name = named(places_, to, 0);
  (void)::sendto(sockets_[step.slot], packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 &name.address.any, name.size);
}

}  // namespace ostiary::hunt
