// gate/name_service.h: gives the packets that wait in the kernel to the name check.
#pragma once

#include "name_check.h"
#include "ostiary/base/result.h"
#include "ostiary/event/loop.h"
#include "ostiary/nft/flow_queue.h"

namespace ostiary::gate {

class NameService {
 public:
  // All must outlive the NameService.
  NameService(event::Loop& loop, nft::FlowQueue& queue, NameCheck::Dependencies dependencies,
              tls::EncryptedHello encrypted)
      : loop_(loop), queue_(queue), check_(dependencies, encrypted), expiry_(loop, [this] { expire(); }) {}

  Result<> start();

 private:
  Result<> take_packets();
  void expire();

  event::Loop& loop_;
  nft::FlowQueue& queue_;
  NameCheck check_;
  event::Timer expiry_;
  event::Watch watch_;
};

}  // namespace ostiary::gate
