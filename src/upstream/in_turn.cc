#include "ostiary/upstream/in_turn.h"

#include <algorithm>
#include <utility>

#include "ostiary/dns/cursor.h"
#include "ostiary/dns/message.h"

namespace ostiary::upstream {
namespace {

// Whether another server may have an answer. NXDOMAIN is an answer, not a failure.
bool failed(const Reply& reply) {
  if (!reply) return reply.error() != Unanswered::cancelled;
  dns::Reader in(*reply);
  in.u16();
  const auto rcode = static_cast<dns::Rcode>(in.u16() & dns::flag::rcode);
  return rcode == dns::Rcode::server_failure || rcode == dns::Rcode::refused ||
         rcode == dns::Rcode::not_implemented;
}

}  // namespace

bool is_dockers(const inet::IpAddress& address) {
  return address == inet::IpAddress::v4({127, 0, 0, 11});
}

Result<std::unique_ptr<InTurn>> InTurn::create(const Options& options, event::Loop& loop) {
  const auto last = std::ranges::find_if(options.servers.rbegin(), options.servers.rend(),
                                         [](const Server& server) { return is_dockers(server.address); });
  Options first = options;
  Options then = options;
  first.servers.assign(options.servers.begin(), last.base());
  then.servers.assign(last.base(), options.servers.end());
  if (first.servers.empty() || then.servers.empty()) {
    auto all = TRY(AresUpstream::create(options, loop));
    return std::unique_ptr<InTurn>(new InTurn(std::move(all), nullptr));
  }
  // Docker's resolver is on this machine, so it answers at once or not at all.
  first.tries = 1;
  first.total = std::min(options.try_timeout, options.total / 2);
  then.total = options.total - first.total;
  auto dockers = TRY(AresUpstream::create(first, loop));
  auto others = TRY(AresUpstream::create(then, loop));
  return std::unique_ptr<InTurn>(new InTurn(std::move(dockers), std::move(others)));
}

void InTurn::ask(const dns::Question& question, Answered answered) {
  if (!then_) return first_->ask(question, std::move(answered));
  first_->ask(question, [this, question, answered = std::move(answered)](const Reply& reply) mutable {
    if (failed(reply))
      then_->ask(question, std::move(answered));
    else
      answered(reply);
  });
}

Origin InTurn::recognize(const dns::Question& question, uint16_t id, const sockaddr* from) {
  const Origin origin = first_->recognize(question, id, from);
  return origin == Origin::other && then_ ? then_->recognize(question, id, from) : origin;
}

}  // namespace ostiary::upstream
