// nft/libnftables.h: runs commands through libnftables.
#pragma once

#include <memory>
#include <string>

#include <nftables/libnftables.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"

namespace ostiary::nft {

using NftContext = std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>>;
Result<NftContext> make_context();

// Runs the commands and returns what they print. Without a context, the call creates its own. The
// error is libnftables' reason in one line, with the remedy if it is known.
Result<std::string> run_commands(nft_ctx* context, const std::string& commands, unsigned output_flags);
Result<std::string> run_commands(const std::string& commands, unsigned output_flags = 0);

}  // namespace ostiary::nft
