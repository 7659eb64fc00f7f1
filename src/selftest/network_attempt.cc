#include "network_attempt.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ostiary/base/encoding.h"
#include "ostiary/dns/cursor.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/inet/socket_address.h"

namespace ostiary::selftest {
namespace {

// An echo request for a ping socket. For other sockets any datagram will do.
std::vector<uint8_t> payload(Transport transport, inet::Family family) {
  constexpr uint8_t echo_request_v4 = 8;
  constexpr uint8_t echo_request_v6 = 128;
  std::vector<uint8_t> message(16);
  if (transport == Transport::ping)
    message[0] = family == inet::Family::ipv4 ? echo_request_v4 : echo_request_v6;
  return message;
}

std::vector<uint8_t> framed(const std::vector<uint8_t>& message) {
  std::vector<uint8_t> frame{static_cast<uint8_t>(message.size() >> 8), static_cast<uint8_t>(message.size())};
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

Finding judge_failure(dns::Rcode rcode) {
  if (rcode == dns::Rcode::refused) return held(dns::text(rcode));
  return escaped("the answer was " + dns::text(rcode) + ", which is no denial");
}

}  // namespace

Result<NetworkAttempt> NetworkAttempt::prepare(AttemptPlan plan, const UnlistedName& unlisted) {
  NetworkAttempt network_attempt(std::move(plan), unlisted);
  if (network_attempt.accepts_this_machine_only()) TRY(network_attempt.open());
  return network_attempt;
}

Result<> NetworkAttempt::start() {
  if (!accepts_this_machine_only()) TRY(open());
  if (!finding_) connect();
  return {};
}

Result<> NetworkAttempt::open() {
  const inet::Family family = plan_.target.address.family();
  auto opened = open_socket(plan_.transport, family);
  if (!opened) {
    found(not_sent(opened.error()));
    return {};
  }
  fd_ = std::move(*opened);
  TRY(limit_hops(fd_, family));
  TRY(ask_for_icmp_errors(fd_, family));
  if (accepts_this_machine_only()) TRY(accept_this_machine_only(fd_));
  return {};
}

// send() of an ICMPv6 socket succeeds even if the rules refused the packet.
bool NetworkAttempt::waits() const {
  return plan_.transport == Transport::tcp || plan_.goal != Goal::way_out ||
         (plan_.transport == Transport::ping && plan_.target.address.family() == inet::Family::ipv6);
}

bool NetworkAttempt::accepts_this_machine_only() const {
  return plan_.transport == Transport::tcp || plan_.goal != Goal::way_out;
}

void NetworkAttempt::connect() {
  const inet::SocketAddress target(plan_.target.address, plan_.target.port);
  if (::connect(fd_.get(), target.get(), target.size()) != 0 && errno != EINPROGRESS)
    return found(not_sent(errno));
  if (plan_.transport != Transport::tcp) return send_datagram();
  events_ = POLLOUT;
}

void NetworkAttempt::send_datagram() {
  const auto message = plan_.goal == Goal::way_out ? payload(plan_.transport, plan_.target.address.family())
                                                   : query(unlisted_);
  if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) return found(not_sent(errno));
  if (!waits()) return found(escaped("the packet was sent"));
  events_ = POLLIN;
}

void NetworkAttempt::on_ready() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  const auto icmp = take_icmp_error(fd_);
  if (error != 0 || icmp) return found(came_back(error, icmp));
  if (events_ == POLLIN) return receive();
  sockaddr_storage peer{};
  size = sizeof peer;
  const bool is_connected = ::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  if (!is_connected) return;
  connected_ = true;
  if (plan_.goal == Goal::way_out) return found(escaped("it was connected"));
  send_over_connection();
}

void NetworkAttempt::send_over_connection() {
  const auto message = framed(query(unlisted_));
  if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) != std::ssize(message))
    return found(escaped("it was connected, and closed before a question could be asked"));
  events_ = POLLIN;
}

void NetworkAttempt::receive() {
  std::array<uint8_t, dns::limits::tcp_query_octets> room{};
  const ssize_t got = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return found(came_back(errno, std::nullopt));
  std::span<const uint8_t> octets = std::span(room).first(static_cast<size_t>(got));
  if (plan_.goal == Goal::way_out) return found(escaped("it was answered"));
  if (plan_.transport != Transport::tcp) return found(judge(octets, unlisted_));
  if (got == 0) return found(escaped("it was connected, and closed without an answer"));
  const auto frame = frames_.next(octets);
  if (const auto* answer = std::get_if<std::span<const uint8_t>>(&frame))
    found(judge(*answer, unlisted_));
  else if (const auto* fault = std::get_if<dns::FrameFault>(&frame))
    found(escaped(std::string(dns::text(*fault))));
}

void NetworkAttempt::on_time_out(std::chrono::milliseconds patience) {
  const std::string time = std::to_string(patience.count()) + " ms";
  if (plan_.goal == Goal::way_out)
    found(unanswered("it left: nothing on this machine refused it within " + time));
  else if (connected_)
    found(escaped("it was connected, and nothing on this machine answered within " + time));
  else
    found(unanswered("nothing on this machine answered within " + time));
}

// Nothing was sent. The attempt was held, unless it was meant for the gate, which must answer.
Finding NetworkAttempt::not_sent(int error) const {
  const Failure failure = classify(error);
  const std::string reason = std::strerror(error);
  if (failure == Failure::other) return escaped("it could not be tried: " + reason);
  if (failure == Failure::no_such_socket) return not_applicable("this kernel has no such socket: " + reason);
  if (plan_.goal != Goal::gate_answer) return held(reason);
  if (failure == Failure::no_route && plan_.target.address.family() == inet::Family::ipv6)
    return not_applicable("there is no IPv6 loopback: " + reason);
  return escaped("the gate cannot be asked: " + reason);
}

// An error came back for what was sent. It is a refusal only if this machine made it. The rules'
// reset of a connection comes without an ICMP error, and no other reset reaches the socket.
Finding NetworkAttempt::came_back(int error, const std::optional<IcmpError>& icmp) const {
  const std::string reason = std::strerror(error != 0 ? error : icmp->error);
  if (plan_.goal == Goal::gate_answer) return escaped("the gate cannot be asked: " + reason);
  if (connected_) return escaped("it was connected, and closed without an answer: " + reason);
  const bool refused_here = icmp ? icmp->meaning == Meaning::refused_here : error == ECONNREFUSED;
  return refused_here ? held(reason) : escaped("it left: the error is no refusal of ours: " + reason);
}

Result<UnlistedName> UnlistedName::make() {
  std::array<uint8_t, 10> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  std::string label;
  for (const uint8_t octet : std::span(random).subspan(2)) append_hexadecimal(label, octet);
  const auto name = TRY(inet::HostName::parse(label + ".ostiary-self-test.invalid"));
  return UnlistedName{static_cast<uint16_t>(random[0] << 8 | random[1]),
                      {dns::WireName::from(name), dns::RecordType::a}};
}

std::vector<uint8_t> query(const UnlistedName& name) {
  std::vector<uint8_t> message(dns::limits::udp_payload_min);
  message.resize(dns::write_query(message, name.id, name.question));
  return message;
}

Finding judge(std::span<const uint8_t> answer, const UnlistedName& name) {
  if (dns::Reader(answer).u16() != name.id) return escaped("the answer has the id of another question");
  return std::visit(
      Overloaded{
          [](const dns::NoSuchName&) { return held(dns::text(dns::Rcode::no_such_name)); },
          [](const dns::UpstreamFailure& failure) { return judge_failure(failure.rcode); },
          [](const dns::Addresses& found) {
            return escaped("the answer was the address " + found.list.begin()->text());
          },
          [](const dns::NoData&) { return escaped("the answer was that the name exists"); },
          [](const dns::TruncatedReply&) { return escaped("the answer was truncated"); },
          [](const dns::MalformedReply& reply) { return escaped(std::string(dns::text(reply.fault))); },
      },
      dns::read_address_reply(answer, name.question));
}

}  // namespace ostiary::selftest
