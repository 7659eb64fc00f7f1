// upstream/ares_upstream.h: asks real servers, through c-ares.
// - Over UDP, and over TCP what comes truncated. A server that is silent, unreachable or failing gives way to
//   the next.
// - With a mark, every socket carries it before its first packet; a socket that cannot be marked sends
// nothing.
// - A reply with another id, another question or from another address is as if it had never come.
// - Every answer comes within Options::total, whatever the servers do.
// - One thread. No search domains, hosts file, resolv.conf or cache: what is asked is what is sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/upstream/server.h"
#include "ostiary/upstream/sockets.h"
#include "ostiary/upstream/source_ports.h"
#include "ostiary/upstream/upstream.h"

struct ares_channeldata;
struct iovec;

namespace ostiary::upstream {

struct Options {
  std::vector<Server> servers;   // at least one
  std::optional<uint32_t> mark;  // SO_MARK
  std::chrono::milliseconds try_timeout = std::chrono::seconds(2);
  int tries = 2;  // of each server
  std::chrono::milliseconds total = std::chrono::seconds(5);
  size_t outstanding = limits::questions;  // questions at a time; the next is too many
};

class AresUpstream final : public Upstream {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Fails where the mark cannot be set, or a server is one that can_reach() denies.
  static Result<std::unique_ptr<AresUpstream>> create(const Options& options, Watcher watcher);
  // Answers what is outstanding with Unanswered::cancelled. Not from within an answer.
  ~AresUpstream() override;

  // c-ares before 1.24 has no word for the interface of a link-local address.
  static bool can_reach(const Server& server);

  void ask(const dns::Question& question, Answered answered) override;
  Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) override;

  // Takes in what has come to that socket, which the watcher was told of; another's is passed over. Answers
  // from within. Never waits. Not from within an answer.
  void process(int socket, uint32_t events);
  // Tries again, and gives up, what is due; like process().
  void process_due();
  // When something is; nothing while nothing is outstanding.
  std::optional<Time> deadline() const;
  // Does what can wait until nobody waits for an answer.
  void tidy();

 private:
  struct Pending;
  struct Handle {
    void operator()(ares_channeldata* channel) const noexcept;
  };

  AresUpstream(const Options& options, Sockets sockets);
  Result<> open(const Options& options);
  void send(Pending& pending);
  void finish(Pending& pending, int status, std::span<const uint8_t> reply);
  void give_up_overdue();
  Pending* find(const dns::Question& question, uint16_t id);
  ssize_t send_datagram(int number, std::span<const uint8_t> query);
  bool send_again(Pending& pending);
  Unanswered reason(int status) const;

  static void on_answer(void* pending, int status, int timeouts, unsigned char* reply, int size) noexcept;
  static void on_socket_state(void* self, int fd, int readable, int writable) noexcept;
  static int on_open(int family, int type, int protocol, void* self) noexcept;
  static int on_connect(int fd, const sockaddr* address, socklen_t size, void* self) noexcept;
  static int on_close(int fd, void* self) noexcept;
  static ssize_t on_receive(int fd, void* room, size_t size, int flags, sockaddr* from, socklen_t* from_size,
                            void* self) noexcept;
  static ssize_t on_send(int fd, const iovec* parts, int count, void* self) noexcept;

  Sockets sockets_;
  SourcePorts ports_{sockets_};
  const std::chrono::milliseconds total_;
  const size_t outstanding_;
  bool ending_ = false;
  std::list<Pending> pending_;    // in the order they were asked, which is that of their deadlines
  std::list<Pending> abandoned_;  // answered at their deadline, and still with c-ares
  std::unique_ptr<ares_channeldata, Handle> channel_;
};

}  // namespace ostiary::upstream
