// upstream/in_turn.h: asks Docker's resolver first, and the servers after it only if it fails.
// - Only Docker's embedded resolver knows the names of its network. So every question goes to it
//   first, even after a failure, after which a resolver library would prefer another server.
// - If Docker's resolver is not in the list, or is the last server, all servers form one
//   AresUpstream with the given options.
// - Every question is answered within Options::total.
#pragma once

#include <memory>

#include "ostiary/upstream/ares_upstream.h"

namespace ostiary::upstream {

// Whether this is Docker's embedded resolver, 127.0.0.11, which serves user-defined networks.
bool is_dockers(const inet::IpAddress& address);

class InTurn final : public Upstream {
 public:
  static Result<std::unique_ptr<InTurn>> create(const Options& options, event::Loop& loop);

  void ask(const dns::Question& question, Answered answered) override;
  Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) override;

 private:
  InTurn(std::unique_ptr<AresUpstream> first, std::unique_ptr<AresUpstream> then)
      : then_(std::move(then)), first_(std::move(first)) {}

  std::unique_ptr<AresUpstream> then_;  // may be null
  std::unique_ptr<AresUpstream> first_;
};

}  // namespace ostiary::upstream
