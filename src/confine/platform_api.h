// confine/platform_api.h: keeps the agent from the socket over which a platform takes orders from inside the
// machine. Fly's is /.fly/api: whoever connects may start machines and ask for tokens, and no rule judges a
// Unix socket.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::confine {

// Where there is such a socket's directory, an empty file system that cannot be written is put over it, in a
// mount namespace of this process's own. An error is no danger yet: expect_no_platform_api() judges. Requires
// what the agent loses: CAP_SYS_ADMIN.
Result<> hide_platform_api();

// As the agent: the socket is not there, or the kernel would not let this user connect. Otherwise an error,
// with why it could not be hidden.
Result<> expect_no_platform_api(const Result<>& hidden);

}  // namespace ostiary::confine
