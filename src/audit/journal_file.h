// audit/journal_file.h: opens the file that the audit is appended to.
#pragma once

#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::audit {

// Readable too, so that the journal sees whether the file ends in the middle of a line.
Result<UniqueFd> open_journal_file(const std::string& path);

}  // namespace ostiary::audit
