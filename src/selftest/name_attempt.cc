#include "name_attempt.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "ostiary/inet/socket_address.h"
#include "ostiary/link/self_test_name.h"
#include "ostiary/tls/retry.h"
#include "ostiary/tls/write.h"

namespace ostiary::selftest {
namespace {

using std::chrono::milliseconds;

using tls::handshake_record;
using tls::number;
using tls::vector;

// Without a name if it is empty.
std::string client_hello(const std::string& name) {
  constexpr uint8_t message = 1;
  constexpr uint16_t supported_versions = 43;
  std::string extensions = number(2, supported_versions) + vector(2, vector(1, "\x03\x04"));
  if (!name.empty()) extensions += number(2, 0) + vector(2, vector(2, number(1, 0) + vector(2, name)));
  return handshake_record(message, "\x03\x03" + std::string(32, 'r') + vector(1, "") + vector(2, "\x13\x01") +
                                       vector(1, std::string(1, '\0')) + vector(2, extensions));
}

std::string hello_retry_request() {
  constexpr uint8_t message = 2;
  const std::string random(tls::random_of_retry.begin(), tls::random_of_retry.end());
  return handshake_record(message, "\x03\x03" + random + vector(1, "") + "\x13\x01" + std::string(1, '\0') +
                                       vector(2, number(2, 43) + vector(2, "\x03\x04")));
}

std::string text(NameAttempt::Kind kind) {
  switch (kind) {
    case NameAttempt::Kind::unlisted_name:
      return "TLS with an unlisted name";
    case NameAttempt::Kind::no_name:
      return "TLS without a name";
    case NameAttempt::Kind::second_hello:
      return "an unlisted name in TLS's second hello";
  }
  return {};
}

bool send_all(const UniqueFd& fd, const std::string& octets) {
  return ::send(fd.get(), octets.data(), octets.size(), MSG_NOSIGNAL) == std::ssize(octets);
}

bool wait(const UniqueFd& fd, short events, milliseconds patience) {
  pollfd waiting{.fd = fd.get(), .events = events, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
}

// What arrived. Empty if nothing did, or an error.
std::string received(const UniqueFd& fd) {
  std::array<char, 1024> room{};
  const ssize_t got = ::recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
  return got > 0 ? std::string(room.data(), static_cast<size_t>(got)) : std::string();
}

std::string error_text() {
  return std::strerror(errno);
}

}  // namespace

Result<std::optional<NameAttempt>> NameAttempt::prepare(inet::Family family, milliseconds patience) {
  const inet::SocketAddress address(inet::IpAddress::loopback(family), link::self_test_port);
  UniqueFd listener{::socket(address.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int on = 1;
  if (!listener.valid() && errno == EAFNOSUPPORT) return std::nullopt;
  if (!listener.valid() || ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return std::unexpected(Error::system("the self-test's listener", Exit::unavailable));
  if (::bind(listener.get(), address.get(), address.size()) != 0) {
    if (errno == EADDRNOTAVAIL) return std::nullopt;
    return std::unexpected(Error::system(
        "the self-test's listener on port " + std::to_string(link::self_test_port), Exit::unavailable));
  }
  if (::listen(listener.get(), 1) != 0)
    return std::unexpected(Error::system("the self-test's listener", Exit::unavailable));
  return NameAttempt(family, std::move(listener), patience);
}

Attempt NameAttempt::try_hello(Kind kind) const {
  return attempt(text(kind) + ", " + (family_ == inet::Family::ipv4 ? "IPv4" : "IPv6"), find(kind));
}

Finding NameAttempt::find(Kind kind) const {
  const inet::SocketAddress address(inet::IpAddress::loopback(family_), link::self_test_port);
  const UniqueFd client{::socket(address.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!client.valid()) return escaped("it could not be tried: " + error_text());
  if (::connect(client.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS)
    return escaped("it could not be tried: " + error_text());
  if (!wait(listener_, POLLIN, patience_)) return escaped("it could not be tried: nothing was connected");
  const UniqueFd server{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!server.valid() || !wait(client, POLLOUT, patience_))
    return escaped("it could not be tried: " + error_text());
  if (kind == Kind::second_hello) {
    if (!send_all(client, client_hello(std::string(link::self_test_name))) ||
        !wait(server, POLLIN, patience_) || received(server).empty())
      return escaped("it could not be tried: the first hello did not arrive");
    if (!send_all(server, hello_retry_request()) || !wait(client, POLLIN, patience_) ||
        received(client).empty())
      return escaped("it could not be tried: the retry did not arrive");
  }
  if (!send_all(client, client_hello(kind == Kind::no_name ? "" : "unlisted.ostiary-self-test.invalid")))
    return escaped("it could not be tried: " + error_text());
  if (!wait(client, POLLIN, patience_)) return escaped("no reset came");
  char octet = 0;
  if (::recv(client.get(), &octet, 1, MSG_DONTWAIT) >= 0 || errno != ECONNRESET)
    return escaped("it was answered, without a reset");
  const std::string reason = error_text();
  return received(server).empty() ? held(reason) : escaped("the hello arrived");
}

}  // namespace ostiary::selftest
