#include "ostiary/nft/flow_marks.h"

#include <array>
#include <cerrno>
#include <utility>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "connection_list.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/request.h"

namespace ostiary::nft {
namespace {

constexpr size_t request_size = 256;

class Request {
 public:
  Request(uint16_t message, uint16_t flags, const inet::Connection& connection)
      : header_(netlink::begin_request(room_.data(),
                                       {.type = conntrack_type(message),
                                        .flags = flags,
                                        .family = uint8_t(is_ipv4(connection.local) ? AF_INET : AF_INET6)})) {
    put_tuple(connection);
  }

  nlmsghdr* header() { return header_; }

 private:
  static bool is_ipv4(const inet::IpAddress& address) { return address.family() == inet::Family::ipv4; }

  void put_address(const inet::IpAddress& address, uint16_t ipv4, uint16_t ipv6) {
    const auto octets = address.octets();
    mnl_attr_put(header_, is_ipv4(address) ? ipv4 : ipv6, octets.size(), octets.data());
  }

  void put_tuple(const inet::Connection& connection) {
    nlattr* tuple = mnl_attr_nest_start(header_, CTA_TUPLE_ORIG);
    nlattr* addresses = mnl_attr_nest_start(header_, CTA_TUPLE_IP);
    put_address(connection.local, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
    put_address(connection.remote, CTA_IP_V4_DST, CTA_IP_V6_DST);
    mnl_attr_nest_end(header_, addresses);
    nlattr* ports = mnl_attr_nest_start(header_, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(header_, CTA_PROTO_NUM, IPPROTO_TCP);
    mnl_attr_put_u16(header_, CTA_PROTO_SRC_PORT, __builtin_bswap16(connection.local_port));
    mnl_attr_put_u16(header_, CTA_PROTO_DST_PORT, __builtin_bswap16(connection.remote_port));
    mnl_attr_nest_end(header_, ports);
    mnl_attr_nest_end(header_, tuple);
  }

  alignas(nlmsghdr) std::array<uint8_t, request_size> room_{};
  nlmsghdr* header_;
};

}  // namespace

Result<FlowMarks> FlowMarks::open() {
  return FlowMarks(TRY(netlink::Socket::open(netlink::Bus::netfilter)));
}

Result<std::optional<uint32_t>> FlowMarks::read(const inet::Connection& connection) {
  Request request(IPCTNL_MSG_CT_GET, NLM_F_ACK, connection);
  std::optional<uint32_t> mark;
  const auto take = [&mark](const netlink::Message& message) -> Result<> {
    if (const auto flow = netlink::netfilter_header(message)) mark = mark_of(*flow);
    return {};
  };
  const int error = TRY(netlink::dump(socket_, request.header(), take));
  if (error != 0 && error != ENOENT) return std::unexpected(connections_refused(error));
  return mark;
}

Result<> FlowMarks::remove(const inet::Connection& connection) {
  Request request(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, connection);
  const int error = TRY(netlink::ask(socket_, request.header()));
  if (error != 0 && error != ENOENT) return std::unexpected(connections_refused(error));
  return {};
}

Result<bool> FlowMarks::write(const inet::Connection& connection, uint32_t mark) {
  Request request(IPCTNL_MSG_CT_NEW, NLM_F_ACK, connection);
  mnl_attr_put_u32(request.header(), CTA_MARK, __builtin_bswap32(mark));
  const int error = TRY(netlink::ask(socket_, request.header()));
  if (error != 0 && error != ENOENT) return std::unexpected(connections_refused(error));
  return error == 0;
}

}  // namespace ostiary::nft
