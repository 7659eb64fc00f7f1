#include "words.h"

#include <array>

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <sys/socket.h>

namespace ostiary::hunt {
namespace {

constexpr std::array family_words{Word{"inet", AF_INET},
                                  Word{"inet6", AF_INET6},
                                  Word{"unix", AF_UNIX},
                                  Word{"packet", AF_PACKET},
                                  Word{"netlink", AF_NETLINK},
                                  Word{"vsock", 40},
                                  Word{"smc", 43},
                                  Word{"bluetooth", AF_BLUETOOTH},
                                  Word{"can", 29},
                                  Word{"tipc", 30},
                                  Word{"alg", 38},
                                  Word{"xdp", 44},
                                  Word{"rds", 21},
                                  Word{"kcm", 41},
                                  Word{"key", AF_KEY},
                                  Word{"phonet", 35},
                                  Word{"qrtr", 42},
                                  Word{"appletalk", AF_APPLETALK}};
constexpr std::array type_words{Word{"stream", SOCK_STREAM}, Word{"dgram", SOCK_DGRAM},
                                Word{"raw", SOCK_RAW},       Word{"seqpacket", SOCK_SEQPACKET},
                                Word{"rdm", SOCK_RDM},       Word{"sock_packet", 10}};
constexpr std::array protocol_words{
    Word{"any", 0},       Word{"tcp", 6},    Word{"udp", 17},    Word{"icmp", 1},  Word{"icmpv6", 58},
    Word{"udplite", 136}, Word{"sctp", 132}, Word{"mptcp", 262}, Word{"igmp", 2},  Word{"gre", 47},
    Word{"ipip", 4},      Word{"ipv6", 41},  Word{"esp", 50},    Word{"dccp", 33}, Word{"l2tp", 115},
    Word{"rawip", 255},   Word{"smc", 256},  Word{"ospf", 89},   Word{"none", 59}};
constexpr std::array port_words{Word{"p0", 0},           Word{"dns", 53},     Word{"https", 443},
                                Word{"p9999", 9999},     Word{"gate", 15353}, Word{"p7001", 7001},
                                Word{"p7002", 7002},     Word{"p7003", 7003}, Word{"relay", relays_port},
                                Word{"collector", 4318}, Word{"http", 80}};
constexpr auto form(RelayForm value) {
  return first_relay_form - static_cast<int>(value);
}
constexpr auto form(NameForm value) {
  return first_name_form - static_cast<int>(value);
}
constexpr std::array payload_words{Word{"b0", 0},
                                   Word{"b1", 1},
                                   Word{"b64", 64},
                                   Word{"b500", 500},
                                   Word{"b1232", 1232},
                                   Word{"b1400", 1400},
                                   Word{"b3000", 3000},
                                   Word{"b20000", 20000},
                                   Word{"b60000", 60000},
                                   Word{"denied-question", denied_question},
                                   Word{"allowed-question", allowed_question},
                                   Word{"r-traces", form(RelayForm::traces)},
                                   Word{"r-metrics", form(RelayForm::metrics)},
                                   Word{"r-logs", form(RelayForm::logs)},
                                   Word{"r-chunks", form(RelayForm::chunks)},
                                   Word{"r-expectation", form(RelayForm::expectation)},
                                   Word{"r-two", form(RelayForm::two)},
                                   Word{"r-begun", form(RelayForm::begun)},
                                   Word{"r-rest", form(RelayForm::rest)},
                                   Word{"r-get", form(RelayForm::get)},
                                   Word{"r-other-path", form(RelayForm::other_path)},
                                   Word{"r-dot-path", form(RelayForm::dot_path)},
                                   Word{"r-absolute", form(RelayForm::absolute)},
                                   Word{"r-connect", form(RelayForm::connect)},
                                   Word{"r-http2", form(RelayForm::http2)},
                                   Word{"r-upgrade", form(RelayForm::upgrade)},
                                   Word{"r-two-lengths", form(RelayForm::two_lengths)},
                                   Word{"r-length-and-chunks", form(RelayForm::length_and_chunks)},
                                   Word{"r-unknown-coding", form(RelayForm::unknown_coding)},
                                   Word{"r-folded", form(RelayForm::folded)},
                                   Word{"r-two-hosts", form(RelayForm::two_hosts)},
                                   Word{"r-bare-lines", form(RelayForm::bare_lines)},
                                   Word{"r-zero-octet", form(RelayForm::zero_octet)},
                                   Word{"r-trailer", form(RelayForm::trailer)},
                                   Word{"r-forged", form(RelayForm::forged)},
                                   Word{"r-request-in-body", form(RelayForm::request_in_body)},
                                   Word{"r-request-behind", form(RelayForm::request_behind)},
                                   Word{"n-hello", form(NameForm::hello)},
                                   Word{"n-hidden-hello", form(NameForm::hidden_hello)},
                                   Word{"n-hello-to-name", form(NameForm::hello_to_name)},
                                   Word{"n-hello-begun", form(NameForm::hello_begun)},
                                   Word{"n-hidden-hello-begun", form(NameForm::hidden_hello_begun)},
                                   Word{"n-hello-rest", form(NameForm::hello_rest)},
                                   Word{"n-hidden-hello-rest", form(NameForm::hidden_hello_rest)},
                                   Word{"n-hidden-hello-from-name", form(NameForm::hidden_hello_from_name)},
                                   Word{"n-two-hellos", form(NameForm::two_hellos)},
                                   Word{"n-get", form(NameForm::get)},
                                   Word{"n-hidden-get", form(NameForm::hidden_get)},
                                   Word{"n-get-to-name", form(NameForm::get_to_name)},
                                   Word{"n-get-begun", form(NameForm::get_begun)},
                                   Word{"n-hidden-get-begun", form(NameForm::hidden_get_begun)},
                                   Word{"n-hidden-get-to-end", form(NameForm::hidden_get_to_end)},
                                   Word{"n-get-rest", form(NameForm::get_rest)},
                                   Word{"n-hidden-get-rest", form(NameForm::hidden_get_rest)},
                                   Word{"n-hidden-get-from-name", form(NameForm::hidden_get_from_name)},
                                   Word{"n-get-twice", form(NameForm::get_twice)},
                                   Word{"n-post", form(NameForm::post)},
                                   Word{"n-post-behind", form(NameForm::post_behind)},
                                   Word{"n-two-hosts", form(NameForm::two_hosts)},
                                   Word{"n-two-hosts-first", form(NameForm::two_hosts_first)},
                                   Word{"n-no-host", form(NameForm::no_host)},
                                   Word{"n-absolute", form(NameForm::absolute)},
                                   Word{"n-connect", form(NameForm::connect)},
                                   Word{"n-upgrade", form(NameForm::upgrade)},
                                   Word{"n-expectation", form(NameForm::expectation)},
                                   Word{"n-two-lengths", form(NameForm::two_lengths)},
                                   Word{"n-length-and-chunks", form(NameForm::length_and_chunks)},
                                   Word{"n-body-of-get", form(NameForm::body_of_get)},
                                   Word{"n-folded", form(NameForm::folded)},
                                   Word{"n-bare-lines", form(NameForm::bare_lines)},
                                   Word{"n-zero-octet", form(NameForm::zero_octet)}};
static_assert(payload_words.size() == first_name_payload + name_forms);
constexpr std::array flag_words{Word{"plain", 0},
                                Word{"more", MSG_MORE},
                                Word{"fastopen", MSG_FASTOPEN},
                                Word{"oob", MSG_OOB},
                                Word{"dontroute", MSG_DONTROUTE},
                                Word{"confirm", MSG_CONFIRM},
                                Word{"probe", MSG_PROXY},
                                Word{"eor", MSG_EOR},
                                Word{"zerocopy", MSG_ZEROCOPY},
                                Word{"more-dontroute", MSG_MORE | MSG_DONTROUTE},
                                Word{"more-confirm", MSG_MORE | MSG_CONFIRM}};
constexpr auto control(Control value) {
  return static_cast<int>(value);
}
constexpr std::array control_words{Word{"no-control", control(Control::none)},
                                   Word{"c-pktinfo4", control(Control::pktinfo4)},
                                   Word{"c-pktinfo6", control(Control::pktinfo6)},
                                   Word{"c-ttl", control(Control::ttl)},
                                   Word{"c-tos", control(Control::tos)},
                                   Word{"c-ip-options", control(Control::ip_options)},
                                   Word{"c-hop-limit", control(Control::hop_limit)},
                                   Word{"c-traffic-class", control(Control::traffic_class)},
                                   Word{"c-routing-header", control(Control::routing_header)},
                                   Word{"c-destination-options", control(Control::destination_options)},
                                   Word{"c-hop-by-hop", control(Control::hop_by_hop)},
                                   Word{"c-dont-fragment", control(Control::dont_fragment)},
                                   Word{"c-segment", control(Control::segment)},
                                   Word{"c-mark", control(Control::mark)},
                                   Word{"c-flow-info", control(Control::flow_info)}};
constexpr std::array number_words{Word{"zero", 0},         Word{"one", 1},       Word{"two", 2},
                                  Word{"three", 3},        Word{"many", 64},     Word{"most", 255},
                                  Word{"less", -1},        Word{"hundred", 100}, Word{"thousand", 1280},
                                  Word{"mark", 0x05710001}};
constexpr std::array interface_words{Word{"no-interface", 0}, Word{"lo", 1}, Word{"eth0", 2}};
constexpr std::array route_words{Word{"srh", 4}, Word{"srh-two", 5}, Word{"rh0", 0},    Word{"rh2", 2},
                                 Word{"rpl", 3}, Word{"lsrr", 131},  Word{"ssrr", 137}, Word{"rr", 7},
                                 Word{"ts", 68}, Word{"ra", 148},    Word{"cipso", 134}};
constexpr std::array way_words{Word{"reading", SHUT_RD}, Word{"writing", SHUT_WR}, Word{"both", SHUT_RDWR}};
constexpr std::array pause_words{Word{"yield", 0}, Word{"short", 200}, Word{"longer", 1500},
                                 Word{"long", 12000}};
constexpr std::array tcp_flag_words{Word{"f-syn", 0x02},  Word{"f-synack", 0x12}, Word{"f-ack", 0x10},
                                    Word{"f-rst", 0x04},  Word{"f-fin", 0x11},    Word{"f-rstack", 0x14},
                                    Word{"f-none", 0x00}, Word{"f-all", 0x3f}};

constexpr int sol_socket = SOL_SOCKET, ip = IPPROTO_IP, ip6 = IPPROTO_IPV6, tcp = IPPROTO_TCP,
              udp = IPPROTO_UDP, udplite = IPPROTO_UDPLITE;
constexpr std::array option_words{
    Option{"broadcast", sol_socket, SO_BROADCAST, Shape::number},
    Option{"dontroute", sol_socket, SO_DONTROUTE, Shape::number},
    Option{"reuseaddr", sol_socket, SO_REUSEADDR, Shape::number},
    Option{"reuseport", sol_socket, SO_REUSEPORT, Shape::number},
    Option{"keepalive", sol_socket, SO_KEEPALIVE, Shape::number},
    Option{"linger", sol_socket, SO_LINGER, Shape::linger},
    Option{"bindtodevice", sol_socket, SO_BINDTODEVICE, Shape::device},
    Option{"bindtoifindex", sol_socket, 62, Shape::interface},
    Option{"mark", sol_socket, SO_MARK, Shape::number},
    Option{"priority", sol_socket, SO_PRIORITY, Shape::number},
    Option{"oobinline", sol_socket, SO_OOBINLINE, Shape::number},
    Option{"rcvbuf", sol_socket, SO_RCVBUF, Shape::number},
    Option{"zerocopy", sol_socket, SO_ZEROCOPY, Shape::number},
    Option{"timestamping", sol_socket, SO_TIMESTAMPING, Shape::number},
    Option{"no_check", sol_socket, SO_NO_CHECK, Shape::number},
    Option{"incoming_cpu", sol_socket, SO_INCOMING_CPU, Shape::number},
    Option{"rcvlowat", sol_socket, SO_RCVLOWAT, Shape::number},
    Option{"txrehash", sol_socket, 74, Shape::number},
    Option{"tos", ip, IP_TOS, Shape::number},
    Option{"ttl", ip, IP_TTL, Shape::number},
    Option{"hdrincl4", ip, IP_HDRINCL, Shape::number},
    Option{"ip_options", ip, IP_OPTIONS, Shape::ip_options},
    Option{"retopts", ip, IP_RETOPTS, Shape::number},
    Option{"recverr4", ip, IP_RECVERR, Shape::number},
    Option{"mtu_discover4", ip, IP_MTU_DISCOVER, Shape::number},
    Option{"freebind4", ip, IP_FREEBIND, Shape::number},
    Option{"transparent4", ip, IP_TRANSPARENT, Shape::number},
    Option{"minttl", ip, IP_MINTTL, Shape::number},
    Option{"nodefrag", ip, 22, Shape::number},
    Option{"bind_no_port", ip, IP_BIND_ADDRESS_NO_PORT, Shape::number},
    Option{"unicast_if4", ip, IP_UNICAST_IF, Shape::network_interface},
    Option{"multicast_if4", ip, IP_MULTICAST_IF, Shape::mreqn},
    Option{"multicast_if4_address", ip, IP_MULTICAST_IF, Shape::address4},
    Option{"multicast_ttl", ip, IP_MULTICAST_TTL, Shape::number},
    Option{"multicast_loop4", ip, IP_MULTICAST_LOOP, Shape::number},
    Option{"join4", ip, IP_ADD_MEMBERSHIP, Shape::mreqn},
    Option{"leave4", ip, IP_DROP_MEMBERSHIP, Shape::mreqn},
    Option{"join4_source", ip, IP_ADD_SOURCE_MEMBERSHIP, Shape::source_request},
    Option{"multicast_all4", ip, IP_MULTICAST_ALL, Shape::number},
    Option{"local_port_range", ip, 51, Shape::port_range},
    Option{"router_alert4", ip, IP_ROUTER_ALERT, Shape::number},
    Option{"join_group4", ip, 42, Shape::group_request},
    Option{"unicast_hops", ip6, IPV6_UNICAST_HOPS, Shape::number},
    Option{"multicast_if6", ip6, IPV6_MULTICAST_IF, Shape::interface},
    Option{"multicast_hops", ip6, IPV6_MULTICAST_HOPS, Shape::number},
    Option{"multicast_loop6", ip6, IPV6_MULTICAST_LOOP, Shape::number},
    Option{"join6", ip6, IPV6_ADD_MEMBERSHIP, Shape::mreq6},
    Option{"leave6", ip6, IPV6_DROP_MEMBERSHIP, Shape::mreq6},
    Option{"join_anycast", ip6, IPV6_JOIN_ANYCAST, Shape::mreq6},
    Option{"join_group6", ip6, 42, Shape::group_request},
    Option{"multicast_all6", ip6, IPV6_MULTICAST_ALL, Shape::number},
    Option{"mtu_discover6", ip6, IPV6_MTU_DISCOVER, Shape::number},
    Option{"mtu6", ip6, IPV6_MTU, Shape::number},
    Option{"recverr6", ip6, IPV6_RECVERR, Shape::number},
    Option{"v6only", ip6, IPV6_V6ONLY, Shape::number},
    Option{"flow_label", ip6, IPV6_FLOWLABEL_MGR, Shape::flow_label},
    Option{"flowinfo_send", ip6, IPV6_FLOWINFO_SEND, Shape::number},
    Option{"hdrincl6", ip6, 36, Shape::number},
    Option{"pktinfo6", ip6, IPV6_PKTINFO, Shape::pktinfo6},
    Option{"routing_header", ip6, IPV6_RTHDR, Shape::routing_header},
    Option{"destination_options", ip6, IPV6_DSTOPTS, Shape::extension_header},
    Option{"routing_options", ip6, IPV6_RTHDRDSTOPTS, Shape::extension_header},
    Option{"hop_by_hop", ip6, IPV6_HOPOPTS, Shape::extension_header},
    Option{"traffic_class", ip6, IPV6_TCLASS, Shape::number},
    Option{"dont_fragment", ip6, IPV6_DONTFRAG, Shape::number},
    Option{"min_hop_count", ip6, 73, Shape::number},
    Option{"addr_preferences", ip6, 72, Shape::number},
    Option{"freebind6", ip6, 78, Shape::number},
    Option{"transparent6", ip6, 75, Shape::number},
    Option{"unicast_if6", ip6, 76, Shape::network_interface},
    Option{"addrform", ip6, IPV6_ADDRFORM, Shape::number},
    Option{"autoflowlabel", ip6, 70, Shape::number},
    Option{"nodelay", tcp, TCP_NODELAY, Shape::number},
    Option{"tcp_cork", tcp, TCP_CORK, Shape::number},
    Option{"maxseg", tcp, TCP_MAXSEG, Shape::number},
    Option{"keepidle", tcp, TCP_KEEPIDLE, Shape::number},
    Option{"syncnt", tcp, TCP_SYNCNT, Shape::number},
    Option{"linger2", tcp, TCP_LINGER2, Shape::number},
    Option{"defer_accept", tcp, TCP_DEFER_ACCEPT, Shape::number},
    Option{"congestion", tcp, TCP_CONGESTION, Shape::congestion},
    Option{"md5", tcp, TCP_MD5SIG, Shape::md5},
    Option{"fastopen", tcp, TCP_FASTOPEN, Shape::number},
    Option{"fastopen_connect", tcp, TCP_FASTOPEN_CONNECT, Shape::number},
    Option{"fastopen_no_cookie", tcp, 34, Shape::number},
    Option{"user_timeout", tcp, TCP_USER_TIMEOUT, Shape::number},
    Option{"tcp_repair", tcp, TCP_REPAIR, Shape::number},
    Option{"ulp", tcp, 31, Shape::protocol_layer},
    Option{"tx_delay", tcp, 37, Shape::number},
    Option{"udp_cork", udp, UDP_CORK, Shape::number},
    Option{"udp_encap", udp, UDP_ENCAP, Shape::number},
    Option{"no_check6_tx", udp, UDP_NO_CHECK6_TX, Shape::number},
    Option{"udp_segment", udp, 103, Shape::number},
    Option{"udp_gro", udp, 104, Shape::number},
    Option{"udplite_cscov", udplite, 10, Shape::number},
};

}  // namespace

std::span<const Word> families() {
  return family_words;
}
std::span<const Word> types() {
  return type_words;
}
std::span<const Word> protocols() {
  return protocol_words;
}
std::span<const Word> ports() {
  return port_words;
}
std::span<const Word> payloads() {
  return payload_words;
}
std::span<const Word> flags() {
  return flag_words;
}
std::span<const Word> controls() {
  return control_words;
}
std::span<const Word> numbers() {
  return number_words;
}
std::span<const Word> interfaces() {
  return interface_words;
}
std::span<const Word> routes() {
  return route_words;
}
std::span<const Word> ways() {
  return way_words;
}
std::span<const Word> pauses() {
  return pause_words;
}
std::span<const Word> tcp_flags() {
  return tcp_flag_words;
}
std::span<const Option> options() {
  return option_words;
}

}  // namespace ostiary::hunt
