// libnftables.h: what is said to the kernel in libnftables' words.
#pragma once

#include <memory>
#include <string>

#include <nftables/libnftables.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"

namespace ostiary::nft {

using NftContext = std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>>;
Result<NftContext> make_context();

// Runs the commands, in a context of their own where none is given, and gives what they print. The error is
// libnftables' reason in one line, with what to do about it where that is known.
Result<std::string> run_commands(nft_ctx* context, const std::string& commands, unsigned output_flags);
Result<std::string> run_commands(const std::string& commands, unsigned output_flags = 0);

}  // namespace ostiary::nft
