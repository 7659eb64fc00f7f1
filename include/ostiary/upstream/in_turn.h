// upstream/in_turn.h: Docker's resolver first, and what stands behind it only where that one fails.
// - Docker's embedded resolver alone knows the names of its network, so no other server is asked for what it
//   answers: not even after it has failed, when a resolver library would prefer another.
// - Servers without Docker's among them, or with none behind it, are one AresUpstream, with the options
// given.
// - Every answer comes within Options::total, whatever the servers do.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "ostiary/upstream/ares_upstream.h"

namespace ostiary::upstream {

// Docker's resolver on the networks that a user made.
bool is_dockers(const inet::IpAddress& address);

class InTurn final : public Upstream {
 public:
  using Time = AresUpstream::Time;

  static Result<std::unique_ptr<InTurn>> create(const Options& options, Watcher watcher);

  void ask(const dns::Question& question, Answered answered) override;
  Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) override;

  // As AresUpstream's.
  void process(int socket, uint32_t events);
  void process_due();
  std::optional<Time> deadline() const;
  void tidy();

 private:
  InTurn(std::unique_ptr<AresUpstream> first, std::unique_ptr<AresUpstream> then)
      : then_(std::move(then)), first_(std::move(first)) {}

  std::unique_ptr<AresUpstream> then_;  // or none
  std::unique_ptr<AresUpstream> first_;
};

}  // namespace ostiary::upstream
