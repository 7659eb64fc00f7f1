#include "relay/server_stream.h"

#include <array>
#include <future>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "outcome.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using Awaits = ServerStream::Awaits;

namespace {

inet::Host host() {
  return inet::parse_host("collector.example").value();
}

// A connection in plain text.
struct Plain {
  Ends ends = connected_ends();
  ServerStream stream = ServerStream::open(nullptr, std::move(ends.ours), host()).value();

  std::string read() {
    std::array<char, 64> room{};
    const auto moved = stream.read(room).value();
    return std::string(room.data(), moved.octets);
  }
};

}  // namespace

TEST_SUITE("relay/server_stream") {
  TEST_CASE("a connection in plain text carries the octets in both directions") {
    Plain plain;
    CHECK(plain.stream.write("hello").value().octets == 5);
    std::array<char, 16> room{};
    CHECK(::recv(plain.ends.theirs.get(), room.data(), room.size(), 0) == 5);
    CHECK(std::string_view(room.data(), 5) == "hello");
    CHECK(::send(plain.ends.theirs.get(), "answer", 6, 0) == 6);
    CHECK(plain.read() == "answer");
  }

  TEST_CASE("a plain connection tells what it waits for, and that the server has ended it") {
    Plain plain;
    std::array<char, 16> room{};
    CHECK(plain.stream.read(room).value().awaits == Awaits::input);
    const std::string many(65536, 'x');
    std::optional<Awaits> awaits;
    while (!awaits) awaits = plain.stream.write(many).value().awaits;
    CHECK(awaits == Awaits::output);
    plain.ends.theirs.reset();
    // What the server did not read resets the connection: the next read tells it.
    CHECK_FALSE(plain.stream.read(room).has_value());
    const auto ended = plain.stream.read(room).value();
    CHECK(ended.octets == 0);
    CHECK_FALSE(ended.awaits);
  }

  TEST_CASE("a write to a plain connection that has ended is an error, and no signal") {
    const auto before = ::signal(SIGPIPE, SIG_DFL);
    Plain plain;
    plain.ends.theirs.reset();
    const auto written = plain.stream.write("x");
    ::signal(SIGPIPE, before);
    REQUIRE_FALSE(written.has_value());
    CHECK(written.error().message == "Broken pipe");
  }

  TEST_CASE("over TLS the client offers the protocol that the caller names") {
    const testing::Identity authority = make_identity("");
    const testing::Identity server = make_identity("DNS:collector.example", &authority);
    const TlsTrust trust = TlsTrust::create(pem_of(authority.certificate)).value();
    for (const auto& [protocol, offered] :
         {std::pair{Alpn::http_1_1, "\x08http/1.1"}, std::pair{Alpn::http_2, "\x02h2"}}) {
      auto [ours, theirs] = connected_ends();
      auto stream = ServerStream::open(&trust, std::move(ours), host(), protocol).value();
      std::array<char, 4096> hello{};
      CHECK(stream.read(hello).value().awaits == Awaits::input);
      const ssize_t octets = ::recv(theirs.get(), hello.data(), hello.size(), 0);
      REQUIRE(octets > 0);
      CHECK(std::string_view(hello.data(), static_cast<size_t>(octets)).contains(offered));
    }
  }

  TEST_CASE("every call after a refused certificate says that it was refused") {
    ::signal(SIGPIPE, SIG_IGN);  // as in the relay's process
    const testing::Identity server = make_identity("DNS:collector.example");
    const TlsTrust trust = TlsTrust::create(pem_of(make_identity("").certificate)).value();
    auto [ours, theirs] = connected_ends();
    const testing::TlsPeer peer(std::move(theirs), server, [](testing::TlsPeer::Connection&) {});
    auto stream = ServerStream::open(&trust, std::move(ours), host()).value();
    auto written = stream.write("x");
    while (written && written->awaits) {
      pollfd waited{.fd = stream.fd(), .events = POLLIN, .revents = 0};
      REQUIRE(::poll(&waited, 1, 5000) == 1);
      written = stream.write("x");
    }
    constexpr std::string_view refused = "the server's certificate is refused: ";
    CHECK(error_of(written).starts_with(refused));
    std::array<char, 16> room{};
    CHECK(error_of(stream.read(room)).starts_with(refused));
    CHECK(error_of(stream.write("x")).starts_with(refused));
  }

  TEST_CASE("over TLS a text that is larger than the kernel's room arrives whole") {
    ::signal(SIGPIPE, SIG_IGN);  // as in the relay's process
    const testing::Identity authority = make_identity("");
    const testing::Identity server = make_identity("DNS:collector.example", &authority);
    const TlsTrust trust = TlsTrust::create(pem_of(authority.certificate)).value();
    std::string text(size_t{1} << 20U, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 251);
    std::promise<void> is_full;
    std::string arrived;
    {
      auto [ours, theirs] = connected_ends();
      const testing::TlsPeer peer(std::move(theirs), server, [&](testing::TlsPeer::Connection& connection) {
        is_full.get_future().wait();
        while (arrived.size() < text.size()) {
          const std::string octets = connection.read();
          if (octets.empty()) return;
          arrived += octets;
        }
      });
      auto stream = ServerStream::open(&trust, std::move(ours), host(), Alpn::http_1_1).value();
      bool was_full = false;
      for (std::string_view rest = text; !rest.empty();) {
        const auto moved = stream.write(rest);
        if (!moved) break;
        rest.remove_prefix(moved->octets);
        if (!moved->awaits) continue;
        if (moved->awaits == Awaits::output && !std::exchange(was_full, true)) is_full.set_value();
        pollfd ready{.fd = stream.fd(),
                     .events = static_cast<short>(moved->awaits == Awaits::input ? POLLIN : POLLOUT),
                     .revents = 0};
        ::poll(&ready, 1, 1000);
      }
      CHECK(was_full);
      if (!was_full) is_full.set_value();
    }
    CHECK(arrived == text);
  }
}
