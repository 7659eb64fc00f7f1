// libnftables.h: what is said to the kernel in libnftables' words.
#pragma once

#include <string>

#include <nftables/libnftables.h>

#include "ostiary/base/result.h"

namespace ostiary::nft {

// Runs the commands in a context of their own and gives what they print. The error is libnftables' reason in
// one line, with what to do about it where that is known.
Result<std::string> run_commands(const std::string& commands, unsigned output_flags = 0);

}  // namespace ostiary::nft
