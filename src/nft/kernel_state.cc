#include "kernel_state.h"

#include <array>
#include <cstring>
#include <span>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "ostiary/netlink/message.h"
#include "ostiary/netlink/request.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {
namespace {

constexpr uint16_t type_of(uint16_t message) {
  return NFNL_SUBSYS_NFTABLES << 8U | message;
}

// A request with at most two attributes, and the kernel's answer.
class Query {
 public:
  Query(uint16_t message, uint8_t family)
      : header_(netlink::begin_request(request_.data(), {.type = type_of(message), .family = family})) {}

  void add_name(uint16_t attribute, const char* name) { mnl_attr_put_strz(header_, attribute, name); }

  // The message points into this object, and is valid until the next ask().
  Result<netlink::Message> ask() {
    netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
    TRY(netlink::send(socket, header_));
    const auto received = TRY(socket.receive(reply_));
    std::span<const uint8_t> rest = received.data;
    const auto message = netlink::next_message(rest);
    if (!message) return fail(Exit::unavailable, "nf_tables: the kernel did not answer");
    return *message;
  }

 private:
  alignas(nlmsghdr) std::array<uint8_t, 256> request_{};
  std::array<uint8_t, 1024> reply_{};
  nlmsghdr* header_;
};

// The errno in an answer; 0 if the answer is no error.
int error_of(const netlink::Message& message) {
  return message.type == NLMSG_ERROR ? netlink::acknowledged(message).value_or(EPROTO) : 0;
}

Error refusal(int error) {
  if (error == EPERM)
    return {Exit::not_permitted,
            "this process may not change nftables (CAP_NET_ADMIN is missing); run the container with "
            "--cap-add=NET_ADMIN"};
  return {Exit::unavailable, "this kernel has no nf_tables (" + std::string(std::strerror(error)) +
                                 "); load the module nf_tables on the host"};
}

Result<Presence> presence(const netlink::Message& answer, uint16_t found) {
  if (answer.type == type_of(found)) return Presence::present;
  if (error_of(answer) == ENOENT) return Presence::absent;
  return std::unexpected(refusal(error_of(answer)));
}

}  // namespace

// EPERM can also mean that another process listens. A process with CAP_NET_ADMIN can still read the generation.
Error no_listener(const std::string& what, int error, std::string_view module) {
  if (error == EPERM && read_generation())
    return {Exit::unavailable, what + ": another process listens to it; end that process"};
  if (error == EPERM)
    return {Exit::not_permitted, what + ": not permitted; run the container with --cap-add=NET_ADMIN"};
  return {Exit::unavailable,
          what + ": " + std::strerror(error) + "; load the module " + std::string(module) + " on the host"};
}

Result<uint32_t> read_generation() {
  Query query(NFT_MSG_GETGEN, AF_UNSPEC);
  const netlink::Message message = TRY(query.ask());
  if (message.type != type_of(NFT_MSG_NEWGEN)) return std::unexpected(refusal(error_of(message)));
  const auto content = netlink::netfilter_header(message);
  const auto id = content ? netlink::find_attribute(content->attributes, NFTA_GEN_ID) : std::nullopt;
  if (!id || !id->be32()) return fail(Exit::unavailable, "nf_tables: malformed answer from the kernel");
  return *id->be32();
}

Result<Presence> find_table() {
  Query query(NFT_MSG_GETTABLE, NFPROTO_INET);
  query.add_name(NFTA_TABLE_NAME, table_name);
  return presence(TRY(query.ask()), NFT_MSG_NEWTABLE);
}

Result<Presence> find_chain(const std::string& name) {
  Query query(NFT_MSG_GETCHAIN, NFPROTO_INET);
  query.add_name(NFTA_CHAIN_TABLE, table_name);
  query.add_name(NFTA_CHAIN_NAME, name.c_str());
  return presence(TRY(query.ask()), NFT_MSG_NEWCHAIN);
}

}  // namespace ostiary::nft
