// Opens flows to a server that answers hellos, and prints the result as JSON:
//   names_client ADDRESS PORT HOST up|down CONNECTIONS MILLISECONDS   octets a second
//   names_client ADDRESS PORT HOST first COUNT 0                      microseconds to the first octet of the answer
//   names_client ADDRESS PORT HOST open CONNECTIONS MILLISECONDS      flows a second, opened by so many at a time
//   names_client ADDRESS PORT HOST hold COUNT 0                       prints when all are open, until its input ends

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "flows.h"

namespace ostiary::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Site {
  sockaddr_in address;
  std::string host;
};

size_t needed_number(const char* text) {
  size_t number = 0;
  const char* const end = text + std::strlen(text);
  if (std::from_chars(text, end, number).ptr != end) give_up("not a number: " + std::string(text));
  return number;
}

// Its end is a reset: no connection stays behind, so that many can follow each other.
UniqueFd new_socket(int flags) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  const linger at_once_closed{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once_closed, sizeof at_once_closed);
  return fd;
}

int begin_connect(const UniqueFd& fd, const Site& site) {
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&site.address), sizeof site.address);
}

UniqueFd opened(const Site& site, std::string_view hello) {
  UniqueFd fd = new_socket(0);
  std::array<char, 2048> answer;
  if (begin_connect(fd, site) != 0 || !send_all(fd.get(), hello) ||
      ::recv(fd.get(), answer.data(), server_hello().size(), 0) <= 0)
    give_up(std::string("a flow does not open: ") + std::strerror(errno));
  return fd;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void move_octets(const Site& site, Then then, size_t connections, milliseconds length) {
  const std::string hello = client_hello(site.host, then);
  std::vector<UniqueFd> flows;
  for (size_t i = 0; i < connections; ++i) flows.push_back(opened(site, hello));
  std::atomic<size_t> moved = 0;
  std::atomic<bool> ends = false;
  std::vector<std::thread> threads;
  for (const UniqueFd& flow : flows)
    threads.emplace_back([&, fd = flow.get()] {
      std::string octets(at_once, 'x');
      while (!ends) {
        const ssize_t now = then == Then::receive ? ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL)
                                                  : ::recv(fd, octets.data(), octets.size(), 0);
        if (now <= 0) break;
        moved += static_cast<size_t>(now);
      }
    });
  std::this_thread::sleep_for(length / 4);
  const size_t before = moved;
  const auto start = Clock::now();
  std::this_thread::sleep_for(length);
  const double a_second = static_cast<double>(moved - before) / seconds_since(start);
  ends = true;
  for (const UniqueFd& flow : flows) ::shutdown(flow.get(), SHUT_RDWR);
  for (std::thread& thread : threads) thread.join();
  std::printf("{\"octets_a_second\": %.0f}\n", a_second);
}

void time_first_octets(const Site& site, size_t count) {
  const std::string hello = client_hello(site.host, Then::wait);
  for (size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    const UniqueFd flow = opened(site, hello);
    std::printf("%s%.1f", i == 0 ? "{\"microseconds\": [" : ", ", seconds_since(start) * 1e6);
  }
  std::printf("]}\n");
}

// So many at a time, each ended after its answer's first octets. By one thread: the client is one program.
class Opener {
 public:
  Opener(const Site& site, size_t connections) : site_(site), flows_(connections) {
    for (size_t i = 0; i < connections; ++i) begin(i);
  }

  void run(milliseconds length) {
    std::array<epoll_event, 64> events{};
    const auto start = Clock::now();
    while (Clock::now() < start + length) {
      const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < ready; ++i) go_on(events[static_cast<size_t>(i)]);
    }
    std::printf("{\"a_second\": %.0f, \"failed\": %zu}\n",
                static_cast<double>(opened_) / seconds_since(start), failed_);
  }

 private:
  void begin(size_t number) {
    Flow& flow = flows_[number];
    flow = {.fd = new_socket(SOCK_NONBLOCK)};
    if (begin_connect(flow.fd, site_) != 0 && errno != EINPROGRESS) give_up(std::strerror(errno));
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = number}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, flow.fd.get(), &event);
  }

  void go_on(const epoll_event& event) {
    Flow& flow = flows_[event.data.u64];
    const bool has_failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    if (!has_failed && !std::exchange(flow.has_begun, true) && send_all(flow.fd.get(), hello_)) return;
    if (!has_failed && (event.events & EPOLLIN) == 0) return;
    std::array<char, 2048> answer;
    const bool is_answered = ::recv(flow.fd.get(), answer.data(), answer.size(), 0) > 0;
    ++(is_answered ? opened_ : failed_);
    begin(event.data.u64);
  }

  struct Flow {
    UniqueFd fd;
    bool has_begun = false;
  };

  const Site& site_;
  std::string hello_ = client_hello(site_.host, Then::wait);
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<Flow> flows_;
  size_t opened_ = 0;
  size_t failed_ = 0;
};

void hold(const Site& site, size_t count) {
  const std::string hello = client_hello(site.host, Then::wait);
  std::vector<UniqueFd> flows;
  for (size_t i = 0; i < count; ++i) flows.push_back(opened(site, hello));
  std::printf("{\"open\": %zu}\n", flows.size());
  std::fflush(stdout);
  (void)std::getchar();
}

}  // namespace
}  // namespace ostiary::bench

int main(int count, char** arguments) {
  using namespace ostiary::bench;
  if (count != 7) give_up("usage: names_client ADDRESS PORT HOST up|down|first|open|hold COUNT MILLISECONDS");
  Site site{.address = {.sin_family = AF_INET,
                        .sin_port = htons(static_cast<uint16_t>(needed_number(arguments[2]))),
                        .sin_addr = {},
                        .sin_zero = {}},
            .host = arguments[3]};
  if (::inet_pton(AF_INET, arguments[1], &site.address.sin_addr) != 1) give_up(arguments[1]);
  const std::string_view what = arguments[4];
  const size_t number = needed_number(arguments[5]);
  const milliseconds length(needed_number(arguments[6]));
  if (what == "up") move_octets(site, Then::receive, number, length);
  if (what == "down") move_octets(site, Then::send, number, length);
  if (what == "first") time_first_octets(site, number);
  if (what == "open") Opener(site, number).run(length);
  if (what == "hold") hold(site, number);
}
