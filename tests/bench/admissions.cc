// Admits addresses to the real set, one acknowledged admission after the other: as the gate does,
// in a bare loop over libmnl, and through libnftables, in turn. Prints the nanoseconds as JSON. Run
// it in a new network namespace.

#include "ostiary/nft/admissions.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <nlohmann/json.hpp>

#include "measuring.h"
#include "ostiary/base/c_handle.h"
#include "ostiary/nft/table.h"

namespace ostiary::bench {
namespace {

using namespace std::chrono_literals;
using Octets = std::array<uint8_t, 4>;

constexpr std::chrono::hours lifetime = 1h;
constexpr uint16_t port = 443;
constexpr size_t admissions_a_turn = 20;
constexpr size_t contenders = 4;

// Each address only once, so that every admission is a new one.
class Addresses {
 public:
  Octets next() {
    ++number_;
    return {10, static_cast<uint8_t>(number_ >> 16U), static_cast<uint8_t>(number_ >> 8U),
            static_cast<uint8_t>(number_)};
  }

 private:
  uint32_t number_ = 0;
};

class Ours {
 public:
  void admit(const Octets& address) {
    const nft::Admission admission{inet::IpAddress::v4(address), IPPROTO_TCP, port, lifetime,
                                   nft::Prior::absent};
    needed(set_.admit({&admission, 1}));
  }

 private:
  nft::KernelAdmissions set_ = needed(nft::KernelAdmissions::open());
};

// The same messages, with the minimum of code.
class BareLoop {
 public:
  BareLoop() {
    if (socket_ == nullptr || mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
      give_up("no netlink socket");
  }

  void admit(const Octets& address) {
    used_ = 0;
    end(header(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    end(element(address));
    end(header(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    if (mnl_socket_sendto(socket_.get(), buffer_.data(), used_) < 0) give_up("netlink send");
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), replies_.data(), replies_.size());
    if (size < 0 || mnl_cb_run(replies_.data(), static_cast<size_t>(size), acknowledged_, 0, nullptr,
                               nullptr) != MNL_CB_STOP)
      give_up("netlink: not acknowledged");
  }

 private:
  nlmsghdr* header(uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer_.data() + used_);
    message->nlmsg_type = type;
    message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    message->nlmsg_seq = ++sequence_;
    auto* extra = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    extra->nfgen_family = family;
    extra->version = NFNETLINK_V0;
    extra->res_id = __builtin_bswap16(resource);
    return message;
  }

  nlmsghdr* element(const Octets& address) {
    nlmsghdr* message = header(NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWSETELEM,
                               NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFPROTO_INET, 0);
    acknowledged_ = sequence_;
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, nft::table_name);
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, nft::allow4_name);
    nlattr* list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
    nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    const std::array<uint8_t, 12> key{address[0], address[1], address[2], address[3],   IPPROTO_TCP, 0,
                                      0,          0,          port >> 8U, port & 0xffU, 0,           0};
    nlattr* value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
    mnl_attr_put(message, NFTA_DATA_VALUE, key.size(), key.data());
    mnl_attr_nest_end(message, value);
    mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT,
                     __builtin_bswap64(std::chrono::milliseconds(lifetime).count()));
    mnl_attr_nest_end(message, element);
    mnl_attr_nest_end(message, list);
    return message;
  }

  void end(const nlmsghdr* message) { used_ += MNL_ALIGN(message->nlmsg_len); }

  std::unique_ptr<mnl_socket, CDelete<mnl_socket_close>> socket_{mnl_socket_open(NETLINK_NETFILTER)};
  std::array<uint8_t, 512> buffer_{};
  std::array<uint8_t, 4096> replies_{};
  size_t used_ = 0;
  uint32_t sequence_ = 0;
  uint32_t acknowledged_ = 0;
};

enum class Language : uint8_t { text, json };

class Libnftables {
 public:
  explicit Libnftables(Language language) : language_(language) {
    if (context_ == nullptr) give_up("libnftables: no context");
    nft_ctx_buffer_error(context_.get());
    if (language == Language::json) nft_ctx_output_set_flags(context_.get(), NFT_CTX_OUTPUT_JSON);
  }

  void admit(const Octets& address) {
    const std::string text = inet::IpAddress::v4(address).text();
    const std::string command = language_ == Language::json ? as_json(text) : as_text(text);
    if (nft_run_cmd_from_buffer(context_.get(), command.c_str()) != 0)
      give_up(std::string("libnftables: ") + nft_ctx_get_error_buffer(context_.get()));
  }

 private:
  static std::string as_text(const std::string& address) {
    return "add element inet ostiary allow4 { " + address + " . tcp . 443 timeout 3600s }";
  }
  static std::string as_json(const std::string& address) {
    return R"({"nftables": [{"add": {"element": {"family": "inet", "table": "ostiary", "name": "allow4",)"
           R"( "elem": [{"elem": {"val": {"concat": [")" +
           address + R"(", "tcp", 443]}, "timeout": 3600}}]}}}]})";
  }

  std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>> context_{nft_ctx_new(NFT_CTX_DEFAULT)};
  Language language_;
};

void measure(size_t turns) {
  needed(needed(nft::Table::open())
             .apply({.gate_mark = 1, .gate_port = 15353, .log_group = 5353}, nft::Existing::replace));
  Addresses addresses;
  Ours ours;
  BareLoop bare;
  Libnftables text(Language::text);
  Libnftables json(Language::json);
  auto samples = nlohmann::ordered_json::object();
  const auto turn = [&](const char* name, auto& contender) {
    samples[name].push_back(nanoseconds_each(admissions_a_turn, [&] {
      for (size_t i = 0; i < admissions_a_turn; ++i) contender.admit(addresses.next());
    }));
  };
  for (size_t i = 0; i < turns; ++i) {
    turn("ostiary", ours);
    turn("bare libmnl", bare);
    turn("libnftables, text", text);
    turn("libnftables, JSON", json);
  }
  std::puts(samples.dump().c_str());
}

}  // namespace
}  // namespace ostiary::bench

int main(int argc, char** argv) {
  using namespace ostiary;
  const size_t turns = bench::count_of(argc, argv);
  if (turns * bench::admissions_a_turn * bench::contenders > nft::limits::admissions)
    bench::give_up("so many do not fit the set");
  bench::measure(turns);
}
