#include "ostiary/net/closed_sockets.h"

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/hosts.h"
#include "nft/client.h"
#include "ostiary/base/unique_fd.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::net;

namespace {

constexpr uint16_t client_port = 16000;
constexpr uint16_t server_port = 17000;

void set(const UniqueFd& fd, int level, int option, int value) {
  REQUIRE(::setsockopt(fd.get(), level, option, &value, sizeof value) == 0);
}

UniqueFd client_for(const test::Address& server) {
  UniqueFd fd = test::make_socket(server, SOCK_STREAM);
  const test::Address here("127.0.0.1", client_port);
  REQUIRE(::bind(fd.get(), here.get(), here.size()) == 0);
  return fd;
}

// Established without a packet. Bound to a device, so that another connection can have its
// addresses and ports.
UniqueFd connection_on_a_device(const test::Address& server) {
  UniqueFd fd = client_for(server);
  set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
  REQUIRE(::connect(fd.get(), server.get(), server.size()) == 0);
  return fd;
}

// Both ends close it, this one first. The kernel keeps it in TIME_WAIT.
void finish_connection(const test::Address& server, const UniqueFd& listener) {
  UniqueFd fd = client_for(server);
  REQUIRE(::connect(fd.get(), server.get(), server.size()) == 0);
  const UniqueFd accepted{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  REQUIRE(accepted.valid());
  fd = UniqueFd();
  CHECK(test::receive(accepted).empty());
}

std::string connections_from_the_client() {
  return test::output_of("ss --no-header --numeric --tcp --all sport = :" + std::to_string(client_port));
}

}  // namespace

TEST_SUITE("net/closed_sockets") {
  TEST_CASE("a finished connection that hides another ends, and one that shares only its ports does not") {
    if (!test::can_make_hosts()) return;
    const test::Host host;
    const test::On here(host);
    const test::Address server("127.0.0.1", server_port), other("127.0.0.2", server_port);
    const UniqueFd listener = test::bound("127.0.0.1", server_port, SOCK_STREAM);
    const UniqueFd other_listener = test::bound("127.0.0.2", server_port, SOCK_STREAM);
    const UniqueFd hidden = connection_on_a_device(server);
    finish_connection(server, listener);
    finish_connection(other, other_listener);
    const auto is_hidden = [](const inet::Connection& each) {
      return each.local_port == client_port && each.remote.text() == "127.0.0.1";
    };
    const auto ended = end_connections_of(0, [&](const inet::Connection& each) -> Result<Keep> {
      return is_hidden(each) ? Keep::no : Keep::yes;
    });
    CHECK_MESSAGE(ended, error_of(ended));
    const std::string left = connections_from_the_client();
    CHECK_MESSAGE(!left.contains("127.0.0.1:17000"), left);
    CHECK_MESSAGE(left.contains("127.0.0.2:17000"), left);
  }
}
