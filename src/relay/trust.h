// relay/trust.h: reads the files that telemetry/tls_files.h names, before the process confines itself.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/telemetry/tls_files.h"
#include "relay/tls.h"

namespace ostiary::relay {

// An error names the file, and says what to write instead.
Result<TlsTrust> read_trust(const telemetry::TlsFiles& files);

}  // namespace ostiary::relay
