// confine/enter_domain.h: puts this process into a domain, for good.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/domain.h"

namespace ostiary::confine {

// Requires no_new_privs. A new domain: not even that of another session of the same agent.
Result<> enter_domain(Domain domain);

}  // namespace ostiary::confine
