#include "ostiary/netlink/request.h"

#include <array>
#include <cerrno>
#include <vector>

#include <linux/netfilter/nfnetlink.h>

namespace ostiary::netlink {
namespace {

constexpr size_t dump_datagram = 65536;  // larger than any datagram of a kernel dump

}  // namespace

nlmsghdr* begin_request(uint8_t* at, const Request& request) {
  nlmsghdr* header = mnl_nlmsg_put_header(at);
  header->nlmsg_type = request.type;
  header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | request.flags);
  header->nlmsg_seq = request.sequence;
  auto* extra = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  extra->nfgen_family = request.family;
  extra->version = NFNETLINK_V0;
  extra->res_id = __builtin_bswap16(request.resource);
  return header;
}

Result<> send(Socket& socket, const nlmsghdr* request) {
  return socket.send({reinterpret_cast<const uint8_t*>(request), request->nlmsg_len});
}

Result<int> ask(Socket& socket, const nlmsghdr* request) {
  const uint32_t sequence = request->nlmsg_seq;
  TRY(send(socket, request));
  std::array<uint8_t, 8192> reply{};
  for (int unanswered = EPROTO;;) {
    const auto received = TRY(socket.receive(reply));
    if (received.kind == Received::Kind::nothing) return unanswered;
    if (received.kind == Received::Kind::overrun) unanswered = ENOBUFS;
    std::span<const uint8_t> rest = received.data;
    while (const auto message = next_message(rest))
      if (message->type == NLMSG_ERROR && message->sequence == sequence)
        return acknowledged(*message).value_or(EPROTO);
  }
}

Result<int> dump(Socket& socket, const nlmsghdr* request,
                 const std::function<Result<>(const Message&)>& take) {
  TRY(send(socket, request));
  std::vector<uint8_t> buffer(dump_datagram);
  while (true) {
    const auto received = TRY(socket.receive(buffer));
    if (received.kind != Received::Kind::data) return EPROTO;
    std::span<const uint8_t> rest = received.data;
    while (const auto message = next_message(rest)) {
      if (message->type == NLMSG_DONE) return 0;
      if (const auto error = acknowledged(*message)) return *error;
      TRY(take(*message));
    }
  }
}

}  // namespace ostiary::netlink
