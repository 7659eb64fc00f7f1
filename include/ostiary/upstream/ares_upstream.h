// upstream/ares_upstream.h: asks real DNS servers, through c-ares.
// - It asks over UDP, and over TCP after a truncated reply. If a server is silent, unreachable or
//   failing, it asks the next one.
// - With a mark, every socket gets it before the first packet. A socket that cannot be marked sends
//   no packet.
// - A reply with a wrong id, a wrong question or a wrong source address is ignored.
// - Every question is answered within Options::total.
// - It works in the callbacks of the loop.
// - It uses no search domains, hosts file, resolv.conf or cache.
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
#include "ostiary/event/loop.h"
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
  int tries = 2;  // per server
  std::chrono::milliseconds total = std::chrono::seconds(5);
  size_t outstanding = limits::questions;  // the maximum number of questions at a time
};

class AresUpstream final : public Upstream {
 public:
  // Fails if the mark cannot be set, or if can_reach() is false for a server. The loop must outlive
  // the AresUpstream.
  static Result<std::unique_ptr<AresUpstream>> create(const Options& options, event::Loop& loop);
  // Answers every outstanding question with Unanswered::cancelled. Must not run within an answer.
  ~AresUpstream() override;

  // False for a link-local address with c-ares before 1.24, which does not support interface names.
  static bool can_reach(const Server& server);

  void ask(const dns::Question& question, Answered answered) override;
  Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) override;

 private:
  struct Pending;
  struct Handle {
    void operator()(ares_channeldata* channel) const noexcept;
  };

  AresUpstream(const Options& options, event::Loop& loop);
  Result<> open(const Options& options);
  // The next two call the callbacks of answered questions. They must not be called within an
  // answer.
  void process(int socket, uint32_t events);
  // Retries the questions that are due, and gives up those that are overdue.
  void process_due();
  // The time of the next process_due(). Empty while no question is outstanding.
  event::Deadline deadline() const;
  // Does work that can wait until no answer is due, such as closing sockets.
  void tidy();
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

  event::Loop& loop_;
  Sockets sockets_;
  SourcePorts ports_{sockets_};
  const std::chrono::milliseconds total_;
  const size_t outstanding_;
  bool ending_ = false;
  // Set before each wait: c-ares gives no time in the past, so a deadline that is read after the
  // wait is later.
  event::Timer due_;
  event::IdleHook after_batch_;
  std::list<Pending> pending_;    // in the order of asking, so also in the order of the deadlines
  std::list<Pending> abandoned_;  // answered at their deadline, but c-ares still works on them
  std::unique_ptr<ares_channeldata, Handle> channel_;
};

}  // namespace ostiary::upstream
