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

// A question with at most two attributes, and the kernel's answer.
class Question {
 public:
  Question(uint16_t message, uint8_t family)
      : header_(netlink::begin_request(request_.data(), {.type = type_of(message), .family = family})) {}

  void about(uint16_t attribute, const char* name) { mnl_attr_put_strz(header_, attribute, name); }

  // The message lies in this question, which lives until its next use.
  Result<netlink::Message> ask() {
    netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
    TRY(netlink::send(socket, header_));
    const auto received = TRY(socket.receive(reply_));
    std::span<const uint8_t> rest = received.data;
    const auto message = netlink::next_message(rest);
    if (!message) return fail(Exit::unavailable, "the kernel did not answer for nf_tables");
    return *message;
  }

 private:
  alignas(nlmsghdr) std::array<uint8_t, 256> request_{};
  std::array<uint8_t, 1024> reply_{};
  nlmsghdr* header_;
};

// The errno an answer carries; 0 where it is none of an error.
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

Result<uint32_t> read_generation() {
  Question question(NFT_MSG_GETGEN, AF_UNSPEC);
  const netlink::Message message = TRY(question.ask());
  if (message.type != type_of(NFT_MSG_NEWGEN)) return std::unexpected(refusal(error_of(message)));
  const auto content = netlink::netfilter_header(message);
  const auto id = content ? netlink::find_attribute(content->attributes, NFTA_GEN_ID) : std::nullopt;
  if (!id || !id->be32()) return fail(Exit::unavailable, "the kernel's answer for nf_tables makes no sense");
  return *id->be32();
}

Result<Presence> find_table() {
  Question question(NFT_MSG_GETTABLE, NFPROTO_INET);
  question.about(NFTA_TABLE_NAME, table_name);
  return presence(TRY(question.ask()), NFT_MSG_NEWTABLE);
}

Result<Presence> find_chain(const std::string& name) {
  Question question(NFT_MSG_GETCHAIN, NFPROTO_INET);
  question.about(NFTA_CHAIN_TABLE, table_name);
  question.about(NFTA_CHAIN_NAME, name.c_str());
  return presence(TRY(question.ask()), NFT_MSG_NEWCHAIN);
}

}  // namespace ostiary::nft
