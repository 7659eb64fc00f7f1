// confine/platform_api.h: keeps the agent from the socket through which a platform takes requests
// from inside the machine. Fly's is /.fly/api: a process that connects can start machines and
// request tokens. No rule judges a Unix socket.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::confine {

// If the directory of such a socket exists, mounts an empty read-only file system over it, in a
// mount namespace of this process's own. An error is not final: expect_no_platform_api() decides.
// Requires CAP_SYS_ADMIN, which confine() takes away afterwards.
Result<> hide_platform_api();

// Runs as the agent. It is an error if the socket exists and the kernel would let this user
// connect; the error says why the socket could not be hidden.
Result<> expect_no_platform_api(const Result<>& hidden);

}  // namespace ostiary::confine
