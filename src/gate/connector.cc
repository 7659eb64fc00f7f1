#include "connector.h"

#include <array>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "ostiary/inet/destination.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/keeper/channel.h"

namespace ostiary::gate {
namespace {

using namespace std::chrono_literals;

// To one address.
constexpr auto time_to_connect = 5s;

Result<UniqueFd> open_socket(const inet::SocketAddress& name, uint32_t mark) {
  UniqueFd socket{::socket(name.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int yes = 1;
  if (!socket.valid() || ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0 ||
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes) != 0)
    return std::unexpected(Error::system("socket", Exit::unavailable));
  return socket;
}

int pending_error(const UniqueFd& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

// One connection: first the name, then its addresses. Ends by Connector::end(), which destroys it.
class Connector::Attempt {
 public:
  Attempt(Connector& connector, uint64_t number, uint32_t id, const policy::Rule& rule)
      : connector_(connector),
        number_(number),
        id_(id),
        rule_(rule),
        port_(rule.ports.ranges().front().first),
        time_limit_(connector.dependencies_.loop, [this] { try_next("no answer"); }) {}

  void start() {
    if (const auto* const network = std::get_if<inet::Prefix>(&rule_.subject)) {
      addresses_.push_back(network->network());
      return try_next("");
    }
    const auto& name = std::get<inet::HostName>(rule_.subject);
    const auto types = connector_.types();
    questions_ = types.size();
    if (types.empty()) return fail(name.text() + " did not resolve: no route leads out of this network");
    RelayedNames& names = connector_.dependencies_.names;
    const policy::Decision decision = names.policy().decide(name);
    for (const dns::RecordType type : types)
      names.answerer().resolve({dns::WireName::from(name), type}, decision,
                               [&attempts = connector_.attempts_, number = number_](const Resolution& found) {
                                 const auto self = attempts.find(number);
                                 if (self != attempts.end()) self->second->take(found);
                               });
  }

 private:
  void take(const Resolution& found) {
    if (found.kind == Resolution::Kind::addresses)
      addresses_.insert(addresses_.end(), found.addresses.begin(), found.addresses.end());
    if (found.kind == Resolution::Kind::failed) failure_ = found.failure;
    if (--questions_ > 0) return;
    if (!addresses_.empty()) return try_next("");
    fail(text(rule_.subject) + " did not resolve" + (failure_.empty() ? "" : ": " + failure_));
  }

  // `why` the last address did not answer.
  void try_next(std::string why) {
    watch_ = {};
    socket_.reset();
    time_limit_.set({});
    if (!why.empty()) failure_ = std::move(why);
    if (tried_ == addresses_.size()) return fail(address_text() + ": " + failure_);
    const inet::SocketAddress name(addresses_[tried_++], port_);
    auto socket = open_socket(name, connector_.dependencies_.setup.mark);
    if (!socket) return try_next(socket.error().message);
    socket_ = *std::move(socket);
    if (::connect(socket_.get(), name.get(), name.size()) != 0 && errno != EINPROGRESS)
      return try_next(::strerror(errno));
    auto watch =
        event::Watch::create(connector_.dependencies_.loop, socket_.get(), EPOLLOUT, [this](uint32_t) {
          on_connected();
          return Result<>{};
        });
    if (!watch) return try_next(watch.error().message);
    watch_ = *std::move(watch);
    time_limit_.set(connector_.dependencies_.loop.now() + time_to_connect);
  }

  void on_connected() {
    if (const int error = pending_error(socket_); error != 0) return try_next(::strerror(error));
    watch_ = {};
    connector_.end(number_, {.id = id_}, std::move(socket_));
  }

  void fail(std::string why) { connector_.end(number_, {.id = id_, .error = std::move(why)}); }

  // "192.0.2.7:443"
  std::string address_text() const {
    return inet::text(inet::Destination{.host = addresses_.at(tried_ - 1), .port = port_});
  }

  Connector& connector_;
  uint64_t number_;
  uint32_t id_;
  const policy::Rule& rule_;
  uint16_t port_;
  size_t questions_ = 0;  // that wait for an answer
  std::vector<inet::IpAddress> addresses_;
  size_t tried_ = 0;
  std::string failure_;
  UniqueFd socket_;
  event::Watch watch_;
  event::Timer time_limit_;
};

Connector::Connector(Dependencies dependencies)
    : dependencies_(dependencies), forget_ended_(dependencies.loop, [this] { ended_.clear(); }) {}

Connector::~Connector() = default;

Result<> Connector::start() {
  if (!dependencies_.relay.valid()) return {};
  watch_ = TRY(event::Watch::create(dependencies_.loop, dependencies_.relay.get(), EPOLLIN,
                                    [this](uint32_t) { return receive(); }));
  return {};
}

std::vector<dns::RecordType> Connector::types() const {
  std::vector<dns::RecordType> types;
  if (dependencies_.setup.terms.ipv4 == Reachability::reachable) types.push_back(dns::RecordType::a);
  if (dependencies_.setup.terms.ipv6 == Reachability::reachable) types.push_back(dns::RecordType::aaaa);
  return types;
}

// One request a turn of the loop: the agent's questions are not to wait for many.
Result<> Connector::receive() {
  std::array<char, 64> octets{};
  const ssize_t got = ::recv(dependencies_.relay.get(), octets.data(), octets.size(), MSG_DONTWAIT);
  if (got < 0) return {};
  const auto request = link::parse_connect_request({octets.data(), static_cast<size_t>(got)});
  if (request) begin(*request);
  return {};
}

void Connector::begin(link::ConnectRequest request) {
  const uint64_t number = next_number_++;
  if (request.server >= dependencies_.setup.relayed.size())
    return end(number, {.id = request.id, .error = "there is no such server"});
  if (attempts_.size() >= link::limits::connects_at_once)
    return end(number, {.id = request.id, .error = "too many connections are being made"});
  auto attempt =
      std::make_unique<Attempt>(*this, number, request.id, dependencies_.setup.relayed[request.server]);
  attempts_.emplace(number, std::move(attempt)).first->second->start();
}

// The relay ends its own wait if its buffer is full, and this reply is lost.
void Connector::end(uint64_t number, const link::ConnectReply& reply, UniqueFd socket) {
  const std::string octets = link::render(reply);
  if (socket.valid())
    (void)keeper::send_with_descriptor(dependencies_.relay.get(), octets, socket.get());
  else
    (void)keeper::send(dependencies_.relay.get(), octets);
  // Not within its own call.
  if (const auto ended = attempts_.find(number); ended != attempts_.end()) {
    ended_.push_back(std::move(ended->second));
    attempts_.erase(ended);
  }
}

}  // namespace ostiary::gate
