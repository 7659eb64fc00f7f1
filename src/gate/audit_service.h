// gate/audit_service.h: writes the audit after each batch of events, records the folded events when
// they are due, and asks for a new file.
#pragma once

#include <functional>

#include "ostiary/event/loop.h"
#include "recorder.h"

namespace ostiary::gate {

class AuditService {
 public:
  // `recorder` must outlive the AuditService.
  AuditService(event::Loop& loop, Recorder& recorder, std::function<void()> ask_for_file)
      : loop_(loop),
        recorder_(recorder),
        ask_for_file_(std::move(ask_for_file)),
        folded_(loop, [this] { recorder_.flush(); }),
        after_batch_(loop, [this] { write(); }) {}

 private:
  void write() {
    recorder_.write();
    folded_.set(recorder_.due());
    if (recorder_.asks_for_file(loop_.now())) ask_for_file_();
  }

  event::Loop& loop_;
  Recorder& recorder_;
  std::function<void()> ask_for_file_;
  event::Timer folded_;
  event::IdleHook after_batch_;
};

}  // namespace ostiary::gate
