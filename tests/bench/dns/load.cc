// Asks a DNS server for cached names, and prints the result as JSON.
// Without a rate, the clients keep 128 questions outstanding, so that the server sets the pace.
// With a rate, they ask that many questions per second, whether answered or not. The latency of an
// answer counts from the time when its question was due. A lost answer counts with the timeout.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "messages.h"

namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using namespace std::chrono_literals;

constexpr size_t outstanding = 128;  // without a rate, of all clients
constexpr size_t at_once = 64;       // of one client
constexpr auto lateness = 100us;     // more than this means that the client was slow
constexpr size_t max_question = 64;
constexpr auto patience = 250ms;
constexpr size_t identifiers = 4096;  // of a client, used in turn

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

unsigned number(const char* text) {
  unsigned value = 0;
  if (std::from_chars(text, text + std::strlen(text), value).ec != std::errc{}) give_up(text);
  return value;
}

int open_client(const sockaddr_in& server) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
    give_up("connect");
  const int segment = static_cast<int>(bench::question(0).size());
  if (::setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) give_up("UDP_SEGMENT");
  return fd;
}

class Load {
 public:
  Load(const sockaddr_in& server, unsigned names, unsigned clients)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        window_(std::clamp<size_t>(outstanding / clients, 1, at_once)),
        clients_(clients),
        ready_(clients) {
    for (unsigned i = 0; i < names; ++i) questions_.push_back(bench::question(i));
    for (size_t i = 0; i < clients; ++i) {
      clients_[i].fd = open_client(server);
      clients_[i].due.resize(identifiers);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, clients_[i].fd, &event) != 0) give_up("epoll_ctl");
    }
    latencies_.reserve(1U << 22U);
  }

  void as_fast_as_it_goes(Clock::duration length) {
    const Time end = Clock::now() + length;
    for (Client& client : clients_) ask(client, window_, Clock::now());
    for (Time now = Clock::now(); now < end; now = Clock::now()) {
      for (size_t ready = receive(0); ready > 0;) {
        Client& client = clients_[ready_[--ready].data.u64];
        ask(client, std::exchange(client.answered, 0), now);
      }
      for (Client& client : clients_)
        if (now - client.heard > patience) start_again(client, now);
    }
  }

  void at_rate(Clock::duration length, unsigned rate) {
    const Time start = Clock::now();
    const Clock::duration step = std::chrono::nanoseconds(1'000'000'000 / rate);
    Time due = start;
    for (Time now = start; due < start + length; now = Clock::now()) {
      if (now >= due) {
        if (now - due > lateness) ++late_;
        ask(clients_[next_client_++ % clients_.size()], 1, due);
        due += step;
      }
      receive(0);
    }
    for (const Time end = Clock::now() + patience; Clock::now() < end;) receive(1);
    latencies_.resize(asked_, std::chrono::duration<double, std::micro>(patience).count());
  }

  void print(double seconds) {
    const auto in_order = std::span(latencies_);
    std::ranges::sort(in_order);
    const auto percentile = [&](double share) {
      if (in_order.empty()) return 0.0;
      return in_order[static_cast<size_t>(share * static_cast<double>(in_order.size() - 1))];
    };
    std::printf(R"({"asked": %zu, "late": %zu, "answered": %zu, "wrong": %zu, "a_second": %.0f, )", asked_,
                late_, answered_, wrong_, static_cast<double>(answered_) / seconds);
    std::printf("\"p50_us\": %.1f, \"p99_us\": %.1f}\n", percentile(0.5), percentile(0.99));
  }

 private:
  struct Client {
    int fd = -1;
    size_t next_id = 0;
    size_t answered = 0;    // since the last question
    std::vector<Time> due;  // for each identifier, when its question was due; none if it is not outstanding
    Time heard = Clock::now();
  };

  // Sends all questions in one packet, which the kernel splits at the server's socket. Otherwise
  // the path through the rules would be most of the measured cost, on the client's side.
  void ask(Client& client, size_t count, Time due) {
    std::array<uint8_t, at_once * max_question> room;
    count = std::min(count, at_once);
    const size_t size = questions_.front().size();
    for (size_t i = 0; i < count; ++i) {
      uint8_t* message = room.data() + i * size;
      std::ranges::copy(questions_[next_name_++ % questions_.size()], message);
      const auto id = static_cast<uint16_t>(client.next_id++ % identifiers);
      message[0] = static_cast<uint8_t>(id >> 8U);
      message[1] = static_cast<uint8_t>(id & 0xffU);
      client.due[id] = due;
    }
    ::send(client.fd, room.data(), count * size, 0);
    asked_ += count;
  }

  // Reads the available answers, and returns how many of ready_ they were.
  size_t receive(int milliseconds) {
    const int ready = ::epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), milliseconds);
    for (int i = 0; i < ready; ++i) receive(clients_[ready_[static_cast<size_t>(i)].data.u64]);
    return static_cast<size_t>(std::max(ready, 0));
  }

  void receive(Client& client) {
    std::array<mmsghdr, at_once> headers{};
    std::array<iovec, at_once> vectors{};
    std::array<std::array<uint8_t, 512>, at_once> rooms;
    for (size_t i = 0; i < at_once; ++i) {
      vectors[i] = {.iov_base = rooms[i].data(), .iov_len = rooms[i].size()};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int received = ::recvmmsg(client.fd, headers.data(), at_once, 0, nullptr);
    const Time now = Clock::now();
    for (size_t i = 0; i < static_cast<size_t>(std::max(received, 0)); ++i) {
      const size_t id = (size_t{rooms[i][0]} << 8U | rooms[i][1]) % identifiers;
      const Time due = std::exchange(client.due[id], Time{});
      if (due == Time{}) continue;  // has timed out before
      if (!bench::is_good_answer(std::span(rooms[i]).first(headers[i].msg_len))) ++wrong_;
      latencies_.push_back(std::chrono::duration<double, std::micro>(now - due).count());
      ++client.answered;
      ++answered_;
      client.heard = now;
    }
  }

  void start_again(Client& client, Time now) {
    std::ranges::fill(client.due, Time{});
    client.heard = now;
    client.answered = 0;
    ask(client, window_, now);
  }

  int epoll_;
  size_t window_;
  std::vector<Client> clients_;
  std::vector<epoll_event> ready_;
  std::vector<bench::Message> questions_;
  std::vector<double> latencies_;
  size_t next_name_ = 0;
  size_t next_client_ = 0;
  size_t asked_ = 0;
  size_t answered_ = 0;
  size_t wrong_ = 0;
  size_t late_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 6) {
    std::fputs("usage: dns_load ADDRESS PORT NAMES CLIENTS MILLISECONDS [RATE]\n", stderr);
    return EXIT_FAILURE;
  }
  const auto port = static_cast<uint16_t>(number(arguments[2]));
  sockaddr_in server{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  if (::inet_pton(AF_INET, arguments[1], &server.sin_addr) != 1) give_up(arguments[1]);
  Load load(server, number(arguments[3]), number(arguments[4]));
  const auto length = std::chrono::milliseconds(number(arguments[5]));
  if (count > 6)
    load.at_rate(length, number(arguments[6]));
  else
    load.as_fast_as_it_goes(length);
  load.print(std::chrono::duration<double>(length).count());
}
