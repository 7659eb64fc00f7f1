#include "relay/gate_link.h"

#include <utility>

#include "ostiary/keeper/channel.h"
#include "relay/limits.h"

namespace ostiary::relay {

GateLink::GateLink(event::Loop& loop, UniqueFd pair, uint32_t first_id)
    : loop_(loop), pair_(std::move(pair)), next_id_(first_id) {}

Result<> GateLink::start() {
  watch_ = TRY(event::Watch::create(loop_, pair_.get(), EPOLLIN, [this](uint32_t) { return receive(); }));
  return {};
}

void GateLink::connect(uint32_t server, Connected connected) {
  const uint32_t id = next_id_++;
  if (const Result<> sent = keeper::send(pair_.get(), link::render({.id = id, .server = server})); !sent)
    return connected(fail(Exit::unavailable, "the gate takes no request"));
  Waiting waiting{.connected = std::move(connected),
                  .time_limit = event::Timer(loop_, [this, id] {
                    end(id, fail(Exit::unavailable, "the gate made no connection in time"));
                  })};
  waiting.time_limit.set(loop_.now() + limits::time_to_connect);
  waiting_.insert_or_assign(id, std::move(waiting));
}

// The gate's end of the pair is open in the keeper as long as the keeper lives.
Result<> GateLink::receive() {
  auto datagram = TRY(keeper::receive_with_descriptor(pair_.get()));
  if (!datagram) return fail(Exit::unavailable, "the gate's end is closed");
  const auto reply = link::parse_connect_reply(datagram->octets);
  if (!reply) return {};
  if (datagram->descriptor.valid() && reply->error.empty())
    end(reply->id, std::move(datagram->descriptor));
  else
    end(reply->id, fail(Exit::unavailable, reply->error));
  return {};
}

void GateLink::end(uint32_t id, Result<UniqueFd> socket) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  const Connected connected = std::move(found->second.connected);
  waiting_.erase(found);
  connected(std::move(socket));
}

}  // namespace ostiary::relay
