// gate/keeper_link.h: the gate's end of the channel: commands from the keeper and messages to it.
// - When the keeper's end closes, the loop stops.
// - The audit holds everything that precedes a message.
#pragma once

#include "denied_service.h"
#include "ledger.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/link/gate.h"
#include "recorder.h"

namespace ostiary::gate {

class KeeperLink {
 public:
  // All must outlive the KeeperLink.
  KeeperLink(event::Loop& loop, const UniqueFd& channel, Recorder& recorder, Ledger& ledger,
             DeniedService& denied)
      : loop_(loop), channel_(channel), recorder_(recorder), ledger_(ledger), denied_(denied) {}

  Result<> start();
  // Whether the keeper has let the gate begin. The loop stops at that time.
  bool has_begun() const { return has_begun_; }

  // Fails only if the keeper has ended. Then the channel ends too, so there is no result.
  void send(const Message& message);

 private:
  Result<> receive();

  event::Loop& loop_;
  const UniqueFd& channel_;
  Recorder& recorder_;
  Ledger& ledger_;
  DeniedService& denied_;
  bool has_begun_ = false;
  event::Watch watch_;
};

}  // namespace ostiary::gate
