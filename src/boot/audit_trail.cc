#include "audit_trail.h"

#include <chrono>

#include <fcntl.h>

#include "ostiary/base/log.h"

namespace ostiary::boot {
namespace {

using std::chrono::system_clock;

constexpr const char* default_audit = "/var/log/ostiary/audit.jsonl";

Result<audit::Journal> choose_journal(const plan::Outputs& outputs) {
  if (outputs.audit) {
    auto journal = audit::Journal::open(outputs.audit->target, outputs.audit_bound);
    if (journal) return journal;
    return std::unexpected(std::move(journal).error().within(outputs.audit->origin));
  }
  if (outputs.default_audit == config::Choice::no) return audit::Journal::none();
  auto file = audit::Journal::to_file(default_audit, outputs.audit_bound);
  if (file) return file;
  log::info("the audit goes to standard error: " + file.error().message);
  return audit::Journal::to_standard_error();
}

}  // namespace

Result<AuditTrail> AuditTrail::open(const plan::Outputs& outputs) {
  auto journal = TRY(choose_journal(outputs));
  if (journal.road() == audit::AuditRoad::shared)
    log::warn(
        "the audit goes to a file, pipe or terminal that the agent can write to, so the agent can forge its "
        "lines: name a file or a descriptor of its own with --audit");
  return AuditTrail(std::move(journal));
}

Result<> AuditTrail::copy_to_relay() {
  relay_ = TRY(link::make_audit_pair());
  UniqueFd own{::fcntl(relay_.senders.get(), F_DUPFD_CLOEXEC, 0)};
  if (!own.valid()) return std::unexpected(Error::system("the audit's socket to the relay"));
  journal_.copy_to(std::move(own));
  return {};
}

void AuditTrail::record(const audit::Event& event) {
  journal_.record(event, system_clock::now());
  if (journal_.wants_new_file()) begin_new_file();
}

void AuditTrail::begin_new_file() {
  if (const Result<> begun = journal_.begin_new_file(system_clock::now()); !begun) {
    log::warn("no new file for the audit: " + begun.error().message);
    return;
  }
  for (const auto& hand_over : sharers_) hand_over(journal_.fd());
}

}  // namespace ostiary::boot
