// request_world.h: a relay of requests between clients on loopback and a server of the test.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "relay/request_limits.h"
#include "relay/request_relay.h"
#include "tls_peer.h"

namespace ostiary::relay::testing {

using event::testing::LoopbackClient;

// Only a test that fails waits this long.
inline constexpr std::chrono::seconds patience{5};
inline constexpr int little_room = 16384;

inline const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

inline std::string post(std::string_view body, std::string_view fields = "",
                        std::string_view target = "/v1/messages") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
inline std::string get(std::string_view target, std::string_view fields = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

inline Forwarding forwarding() {
  const auto path = [](const char* text) { return http::Path::parse(text).value(); };
  Forwarding made{
      .destination = {.host = inet::parse_host("api.example").value(), .port = 443},
      .authority = "api.example",
      .base_path = "",
      .header_lines = Secret("X-Api-Key: c2VjcmV0\r\n"),
      .replaced = {"x-api-key", "authorization"},
      .passing = {"npm-command", "anthropic-"},
      .allowed = {},
      .transport = Forwarding::Transport::tls,
      .errors = ErrorForm::anthropic,
      .after_body = AfterBody::kept_on_success,
  };
  made.allowed.push_back({.methods = {"POST"}, .path = path("/v1/messages"), .match = Allowed::Match::exact});
  made.allowed.push_back(
      {.methods = {"HEAD", "GET"}, .path = path("/api/hello"), .match = Allowed::Match::exact});
  made.allowed.push_back(
      {.methods = {"GET", "PUT"}, .path = path("/files"), .match = Allowed::Match::with_paths_below});
  return made;
}

// The octets that a peer reads.
class Reader {
 public:
  explicit Reader(TlsPeer::Connection& connection) : connection_(connection) {}
  // Up to and with the mark; what there is if the stream ends first.
  std::string until(std::string_view mark) {
    size_t end = 0;
    while ((end = unread_.find(mark)) == std::string::npos) {
      const std::string more = connection_.read();
      if (more.empty()) return std::exchange(unread_, {});
      unread_ += more;
    }
    std::string text = unread_.substr(0, end + mark.size());
    unread_.erase(0, text.size());
    return text;
  }

 private:
  TlsPeer::Connection& connection_;
  std::string unread_;
};

// Lets a peer go on when the test says so.
class Gate {
 public:
  void open() { semaphore_.release(); }
  void pass() { (void)semaphore_.try_acquire_for(patience); }

 private:
  std::counting_semaphore<> semaphore_{0};
};

// With a script for each connection that the relay opens, over TLS. Without a script a connection
// fails.
struct World {
  explicit World(Forwarding to = forwarding()) : World(std::move(to), "DNS:api.example") {}
  World(Forwarding to, const std::string& names)
      : server(make_identity(names, &authority)),
        relay({.loop = *time.loop,
               .trust = &trust,
               .connect = [this](const Exporter::Connected& connected) { connect(connected); },
               .report =
                   [this](const FailedRequest& failed) {
                     reports.push_back(failed.request + ": " + std::to_string(failed.error.status) + " " +
                                       failed.error.reason);
                   },
               .exchanges = exchanges},
              listen(), std::move(to)) {
    ::signal(SIGPIPE, SIG_IGN);  // as in the relay's process
    REQUIRE(relay.start());
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The relay's sockets for clients take few octets, so that a test fills them.
  std::vector<UniqueFd> listen() {
    ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_SNDBUF, &little_room, sizeof little_room);
    ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_RCVBUF, &little_room, sizeof little_room);
    return listener.take();
  }
  void connect(const Exporter::Connected& connected) {
    ++connections;
    if (holds_connects) return held.push_back(connected);
    if (scripts.empty()) return connected(fail(Exit::unavailable, "no address of api.example answers"));
    auto [ours, theirs] = connected_ends();
    constexpr timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(theirs.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    peers.push_back(std::make_unique<TlsPeer>(std::move(theirs), server, std::move(scripts.front())));
    scripts.pop_front();
    connected(std::move(ours));
  }
  // A connection that gives these answers, one to each request, and then ends.
  void answers(const std::vector<std::string>& each) {
    scripts.push_back([this, each](TlsPeer::Connection& connection) {
      for (const std::string& next : each) {
        const std::string request = connection.read_request();
        if (request.empty()) return;
        note(request);
        connection.write(next);
      }
    });
  }
  void note(const std::string& text) {
    const std::scoped_lock lock(mutex);
    notes_.push_back(text);
  }
  std::vector<std::string> notes() {
    const std::scoped_lock lock(mutex);
    return notes_;
  }
  LoopbackClient client(int room = 0) {
    LoopbackClient made(listener.address(), room);
    time.turn();
    return made;
  }
  // Handles events until the condition holds.
  template <typename Condition>
  void until(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds() && std::chrono::steady_clock::now() < end) {
      time.turn();
      std::this_thread::yield();
    }
    REQUIRE(holds());
  }
  // Handles what has arrived.
  void serve() {
    for (int i = 0; i < 20; ++i) time.turn();
  }
  // What the client gets, up to and with the mark.
  std::string answer(LoopbackClient& client, std::string_view octets, std::string_view mark) {
    const size_t before = client.received().size();
    client.send(octets);
    until([&] { return client.received().substr(before).contains(mark) || client.has_ended(); });
    return client.received().substr(before);
  }
  // Of a request that is refused, or whose connection fails.
  std::string refusal(std::string_view octets) {
    LoopbackClient one = client();
    one.send(octets);
    until([&] { return one.has_ended(); });
    return one.received();
  }

  event::testing::MadeUpTime time;
  event::testing::LoopbackListener listener;
  const Identity authority = make_identity("");
  Identity server;
  TlsTrust trust = TlsTrust::create(pem_of(authority.certificate)).value();
  std::deque<TlsPeer::Serve> scripts;
  std::mutex mutex;
  std::vector<std::string> notes_;
  std::vector<std::string> reports;
  size_t connections = 0;
  size_t exchanges = 0;
  bool holds_connects = false;
  std::vector<Exporter::Connected> held;
  std::vector<std::unique_ptr<TlsPeer>> peers;
  RequestRelay relay;
};

inline std::string status_of(const std::string& answer) {
  return answer.size() > 12 ? answer.substr(9, 3) : answer;
}

}  // namespace ostiary::relay::testing
