#include "keeper_link.h"

#include <utility>

#include "ostiary/link/gate_channel.h"

namespace ostiary::gate {

Result<> KeeperLink::start() {
  watch_ = TRY(event::Watch::create(loop_, channel_.get(), EPOLLIN, [this](uint32_t) { return receive(); }));
  return {};
}

Result<> KeeperLink::receive() {
  auto received = TRY(receive_command(channel_.get()));
  if (!received) {
    loop_.stop();
    return {};
  }
  switch (received->command) {
    case Command::begin:
      has_begun_ = true;
      loop_.stop();
      break;
    case Command::restore:
      return ledger_.restore(loop_.now());
    case Command::tested:
      TRY(denied_.end_self_test());
      send({.kind = Message::Kind::tested});  // the keeper waits for it
      break;
    case Command::audit:
      if (received->descriptor.valid()) recorder_.continue_in(std::move(received->descriptor));
      break;
  }
  return {};
}

void KeeperLink::send(const Message& message) {
  recorder_.write();
  (void)keeper::send_to_keeper(channel_.get(), render_message(message));
}

}  // namespace ostiary::gate
