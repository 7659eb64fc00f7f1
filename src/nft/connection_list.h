// nft/connection_list.h: messages of the kernel's table of connections (ctnetlink).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ostiary/base/result.h"
#include "ostiary/netlink/message.h"

namespace ostiary::nft {

constexpr uint16_t conntrack_type(uint16_t message) {
  return NFNL_SUBSYS_CTNETLINK << 8U | message;
}

inline uint32_t mark_of(const netlink::NetfilterHeader& flow) {
  const auto mark = netlink::find_attribute(flow.attributes, CTA_MARK);
  return mark ? mark->be32().value_or(0) : 0;
}

inline Error connections_refused(int error) {
  return {Exit::unavailable, std::string("the kernel's list of connections: ") + std::strerror(error) +
                                 "; load nf_conntrack_netlink on the host"};
}

}  // namespace ostiary::nft
