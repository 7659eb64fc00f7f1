// boot/helper_reports.h: reports the starts and deaths of a helper: events of the audit, and lines
// in the log.
// - Every helper is reported alike, by its name.
#pragma once

#include "audit_trail.h"
#include "ostiary/keeper/helper.h"

namespace ostiary::boot {

void report_death(AuditTrail& audit, const keeper::HelperDescription& helper, pid_t process, int wait_status);

// The audit must outlive the helper.
keeper::HelperEvents report_to(AuditTrail& audit, const keeper::HelperDescription& helper);

}  // namespace ostiary::boot
