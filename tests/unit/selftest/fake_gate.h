// selftest/fake_gate.h: a process that listens where the gate does and gives the same answer to
// every question.
#pragma once

#include <array>
#include <chrono>
#include <span>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "net/hosts.h"
#include "nft/client.h"
#include "ostiary/dns/answer.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/tcp_frame.h"

namespace ostiary::test {

enum class Reply : uint8_t { no_such_name, refused, server_failure, an_address, silence };

inline size_t write_reply(std::span<uint8_t> room, const dns::Envelope& envelope, Reply reply) {
  const inet::IpAddress address = inet::IpAddress::v4({203, 0, 113, 7});
  switch (reply) {
    case Reply::no_such_name:
      return dns::write_empty(room, envelope, dns::Rcode::no_such_name);
    case Reply::refused:
      return dns::write_empty(room, envelope, dns::Rcode::refused);
    case Reply::server_failure:
      return dns::write_empty(room, envelope, dns::Rcode::server_failure);
    case Reply::an_address:
      return dns::write_addresses(room, envelope, std::span(&address, 1), std::chrono::seconds(60));
    case Reply::silence:
      return 0;
  }
  return 0;
}

class FakeServer {
 public:
  struct Listener {
    const char* address;
    uint16_t port;
  };
  struct Life {
    Reply reply = Reply::no_such_name;
    uid_t uid = 4242;
    int dumpable = 0;
    Mark mark = Mark::gate;
  };

  // On the host of this thread.
  FakeServer(std::initializer_list<Listener> listeners, const Life& life) {
    for (const Listener& each : listeners) {
      udp_.push_back(bound(each.address, each.port, SOCK_DGRAM, life.mark));
      tcp_.push_back(bound(each.address, each.port, SOCK_STREAM, life.mark));
    }
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) serve(life, ready[1]);
    ::close(ready[1]);
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    udp_.clear();
    tcp_.clear();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void serve(const Life& life, int ready) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::setresgid(life.uid, life.uid, life.uid) != 0) ::_exit(1);
    if (::setresuid(life.uid, life.uid, life.uid) != 0) ::_exit(1);
    ::prctl(PR_SET_DUMPABLE, life.dumpable);
    if (::write(ready, "!", 1) != 1) ::_exit(1);
    for (;;) {
      std::vector<pollfd> waiting;
      for (const auto* sockets : {&udp_, &tcp_})
        for (const UniqueFd& fd : *sockets) waiting.push_back({fd.get(), POLLIN, 0});
      ::poll(waiting.data(), waiting.size(), -1);
      for (size_t i = 0; i < waiting.size(); ++i) {
        if (waiting[i].revents == 0) continue;
        if (i < udp_.size())
          answer_datagram(waiting[i].fd, life.reply);
        else
          answer_connection(waiting[i].fd, life.reply);
      }
    }
  }

  static void answer_datagram(int fd, Reply reply) {
    std::array<uint8_t, 512> question{};
    std::array<uint8_t, 512> room{};
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(fd, question.data(), question.size(), 0, peer, &size);
    if (got <= 0) return;
    const auto reading = dns::read_query(std::span(question).first(static_cast<size_t>(got)));
    const auto* query = std::get_if<dns::Query>(&reading);
    if (query == nullptr) return;
    if (const size_t length = write_reply(room, query->envelope, reply); length > 0)
      ::sendto(fd, room.data(), length, 0, peer, size);
  }

  // The connection stays open until the process ends.
  static void answer_connection(int fd, Reply reply) {
    const int connection = ::accept(fd, nullptr, nullptr);
    if (connection < 0) return;
    const timeval patience{1, 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::array<uint8_t, 514> question{};
    std::array<uint8_t, 514> room{};
    const ssize_t got = ::recv(connection, question.data(), question.size(), 0);
    if (got <= 2) return;
    const auto reading = dns::read_query(std::span(question).first(static_cast<size_t>(got)).subspan(2));
    const auto* query = std::get_if<dns::Query>(&reading);
    if (query == nullptr) return;
    const size_t length = write_reply(std::span(room).subspan(2), query->envelope, reply);
    if (length == 0) return;
    room[0] = static_cast<uint8_t>(length >> 8);
    room[1] = static_cast<uint8_t>(length);
    ::send(connection, room.data(), length + 2, MSG_NOSIGNAL);
  }

  std::vector<UniqueFd> udp_;
  std::vector<UniqueFd> tcp_;
  pid_t pid_ = -1;
};

inline constexpr uint16_t fake_gate_port = 5300;

struct FakeGate : FakeServer {
  explicit FakeGate(const Life& life)
      : FakeServer({{"127.0.0.1", fake_gate_port}, {"::1", fake_gate_port}}, life) {}
  FakeGate() : FakeGate(Life{}) {}
};

}  // namespace ostiary::test
