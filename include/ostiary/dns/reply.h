// dns/reply.h: reads an upstream server's reply to a question.
// - The result holds only addresses of the asked family.
// - They come only from the answer section: from records at the question's name, or at the end of
//   the CNAME chain that begins there. Every other record is ignored.
// - The transport checks the id of the message.
// - Reading an address reply does not allocate.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "ostiary/dns/limits.h"
#include "ostiary/dns/message.h"
#include "ostiary/dns/wire_name.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::dns {

// At most limits::addresses distinct addresses, without allocation.
class AddressList {
 public:
  enum class Added : uint8_t { kept, known, full };

  Added add(const inet::IpAddress& address) {
    if (std::ranges::find(view(), address) != view().end()) return Added::known;
    if (size_ == addresses_.size()) return Added::full;
    addresses_[size_++] = address;
    return Added::kept;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::span<const inet::IpAddress> view() const { return std::span(addresses_).first(size_); }
  auto begin() const { return view().begin(); }
  auto end() const { return view().end(); }

 private:
  size_t size_ = 0;
  std::array<inet::IpAddress, limits::addresses> addresses_{};
};

struct Question {
  WireName name;
  RecordType type{};
};

// At least one address, all of the asked family.
struct Addresses {
  AddressList list;
  std::chrono::seconds ttl{};  // the minimum over the chain and the addresses, within the limits
  size_t dropped = 0;          // addresses over limits::addresses, not admitted or answered
};

// The name has no record of the asked type. The TTL follows RFC 2308. It is limits::ttl_min if the
// reply has none.
struct NoData {
  std::chrono::seconds ttl{};
};
struct NoSuchName {
  std::chrono::seconds ttl{};
};

struct UpstreamFailure {
  Rcode rcode{};
};

// The reply is incomplete. Ask again over TCP.
struct TruncatedReply {};

enum class ReplyFault : uint8_t {
  cut_short,
  not_a_reply,
  wrong_question,
  too_many_records,
  name,
  record_size,
  two_aliases,
  alias_chain,
  records_too_large,
};
std::string_view text(ReplyFault fault);

struct MalformedReply {
  ReplyFault fault{};
};

using AddressReply =
    std::variant<Addresses, NoData, NoSuchName, UpstreamFailure, MalformedReply, TruncatedReply>;

// Requires a question of type A or AAAA.
AddressReply read_address_reply(std::span<const uint8_t> message, const Question& question);

// Writes a query to an upstream server, with EDNS. Returns its size, or 0 if `room` is smaller than
// limits::udp_payload_min.
size_t write_query(std::span<uint8_t> room, uint16_t id, const Question& question);

}  // namespace ostiary::dns
