// Answers a ClientHello with a ServerHello, and then does what the hello's random says: names_server ADDRESS PORT

#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "flows.h"

namespace ostiary::bench {
namespace {

int listen_at(const char* address, const char* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in here{.sin_family = AF_INET,
                   .sin_port = htons(static_cast<uint16_t>(std::atoi(port))),
                   .sin_addr = {},
                   .sin_zero = {}};
  if (::inet_pton(AF_INET, address, &here.sin_addr) != 1 ||
      ::bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 || ::listen(fd, 65535) != 0)
    give_up(std::string(address) + ": " + std::strerror(errno));
  return fd;
}

void move_bulk(int fd, Then then) {
  const UniqueFd owned(fd);
  ::fcntl(fd, F_SETFL, 0);
  std::string octets(at_once, 'x');
  if (then == Then::send)
    while (send_all(fd, octets)) {
    }
  else
    while (::recv(fd, octets.data(), octets.size(), 0) > 0) {
    }
}

class Server {
 public:
  explicit Server(int listener) : listener_(listener), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_);
  }

  [[noreturn]] void serve() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        fd == listener_ ? accept() : read(fd);
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept() {
    int fd = -1;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) watch(fd);
  }

  void end(int fd) {
    hellos_.erase(fd);
    ::close(fd);
  }

  void read(int fd) {
    std::array<char, 2048> room;
    const ssize_t received = ::recv(fd, room.data(), room.size(), 0);
    if (received <= 0) return end(fd);
    std::string& hello = hellos_[fd];
    if (is_answered(hello)) return;
    hello.append(room.data(), static_cast<size_t>(received));
    if (!is_answered(hello)) return;
    if (!send_all(fd, answer_)) return end(fd);
    const auto then = static_cast<Then>(hello[random_at]);
    if (then == Then::wait) return;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    hellos_.erase(fd);
    std::thread(move_bulk, fd, then).detach();
  }

  static bool is_answered(std::string_view hello) {
    if (hello.size() <= random_at) return false;
    const size_t octets =
        static_cast<size_t>(static_cast<uint8_t>(hello[3])) << 8U | static_cast<uint8_t>(hello[4]);
    return hello.size() >= record_header + octets;
  }

  int listener_;
  int epoll_;
  std::unordered_map<int, std::string> hellos_;
  std::string answer_ = server_hello();
};

}  // namespace
}  // namespace ostiary::bench

int main(int count, char** arguments) {
  using namespace ostiary::bench;
  if (count != 3) give_up("usage: names_server ADDRESS PORT");
  Server(listen_at(arguments[1], arguments[2])).serve();
}
