#include "helper_reports.h"

#include <string>

#include <sys/wait.h>

#include "ostiary/base/log.h"

namespace ostiary::boot {
namespace {

void report_begun(AuditTrail& audit, const keeper::HelperDescription& helper, pid_t process, size_t deaths) {
  const auto id = static_cast<uint32_t>(process);
  audit.record(audit::HelperStarted{.helper = helper.name, .process = id});
  if (deaths == 0) return;
  audit.record(
      audit::HelperRestarted{.helper = helper.name, .process = id, .attempt = static_cast<uint32_t>(deaths)});
  log::warn("the " + std::string(helper.name) + " is back");
}

void report_failed_restart(AuditTrail& audit, const keeper::HelperDescription& helper, const Error& why) {
  audit.record(audit::HelperDied{
      .helper = helper.name, .how = audit::HelperDied::How::not_started, .why = why.message});
  log::warn("the " + std::string(helper.name) + " could not be started again: " + why.message + ": " +
            helper.while_absent + " until it is back");
}

}  // namespace

void report_death(AuditTrail& audit, const keeper::HelperDescription& helper, pid_t process,
                  int wait_status) {
  using How = audit::HelperDied::How;
  const bool by_signal = WIFSIGNALED(wait_status);
  const int number = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  audit.record(audit::HelperDied{.helper = helper.name,
                                 .process = static_cast<uint32_t>(process),
                                 .how = by_signal ? How::signal : How::status,
                                 .number = static_cast<uint32_t>(number)});
  log::warn("the " + std::string(helper.name) + " ended with " + (by_signal ? "signal " : "status ") +
            std::to_string(number) + ": " + helper.while_absent + " until it is back");
}

keeper::HelperEvents report_to(AuditTrail& audit, const keeper::HelperDescription& helper) {
  return {
      .on_begun = [&audit, helper](pid_t process,
                                   size_t deaths) { report_begun(audit, helper, process, deaths); },
      .on_death = [&audit, helper](pid_t process,
                                   int wait_status) { report_death(audit, helper, process, wait_status); },
      .on_failed_restart = [&audit, helper](const Error& why) { report_failed_restart(audit, helper, why); }};
}

}  // namespace ostiary::boot
