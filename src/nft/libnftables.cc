#include "libnftables.h"

#include <string_view>

#include "ostiary/nft/table.h"

namespace ostiary::nft {
namespace {

constexpr std::string_view unsupported = "not supported";  // EOPNOTSUPP, in the words of strerror()

// The reason in one line: the text after the first "Error: ".
std::string first_reason(std::string_view text) {
  if (const size_t error = text.find("Error: "); error != std::string_view::npos)
    text.remove_prefix(error + 7);
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "no reason given" : std::string(text);
}

Error explain(const char* complaint) {
  std::string reason = first_reason(complaint == nullptr ? "" : complaint);
  if (reason.contains("Operation not permitted"))
    return {Exit::not_permitted, "nftables: " + reason + "; run the container with --cap-add=NET_ADMIN"};
  if (reason.contains("No such file") || reason.contains(unsupported))
    reason +=
        "; the kernel lacks a part of nf_tables: load nf_tables, nft_ct, nft_fib_inet, nft_log, nft_redir "
        "and nft_reject_inet on the host";
  if (reason.contains("Message too long"))
    reason +=
        "; the kernel accepts no transaction of this size here: allow fewer address ranges, or raise the "
        "host's net.core.wmem_max";
  return {Exit::unavailable, "nftables: " + reason};
}

}  // namespace

bool is_unsupported(const Error& error) {
  return error.message.contains(unsupported);
}

Result<NftContext> make_context() {
  NftContext context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr || nft_ctx_buffer_output(context.get()) != 0 ||
      nft_ctx_buffer_error(context.get()) != 0)
    return fail(Exit::unavailable, "libnftables: out of memory");
  return context;
}

Result<std::string> run_commands(nft_ctx* context, const std::string& commands, unsigned output_flags) {
  nft_ctx_output_set_flags(context, output_flags);
  if (nft_run_cmd_from_buffer(context, commands.c_str()) != 0)
    return std::unexpected(explain(nft_ctx_get_error_buffer(context)));
  const char* output = nft_ctx_get_output_buffer(context);
  return std::string(output == nullptr ? "" : output);
}

Result<std::string> run_commands(const std::string& commands, unsigned output_flags) {
  return run_commands(TRY(make_context()).get(), commands, output_flags);
}

}  // namespace ostiary::nft
