#include "ostiary/nft/watch.h"

#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

using namespace ostiary;
using namespace ostiary::nft;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes content(uint8_t family, uint16_t type, std::string_view value) {
  Bytes bytes{family, 0, 0, 0, static_cast<uint8_t>(value.size() + 5), 0, static_cast<uint8_t>(type), 0};
  bytes.insert(bytes.end(), value.begin(), value.end());
  bytes.push_back(0);
  return bytes;
}

netlink::Message message(uint8_t kind, uint32_t port, std::span<const uint8_t> payload) {
  return {static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | kind), NLM_F_CREATE, 0, port, payload};
}

const Bytes generation_7{
    0, 0, 0, 0, 8, 0, NFTA_GEN_ID,        0, 0,   0,   0,   7, 8, 0, NFTA_GEN_PROC_PID, 0,
    0, 0, 1, 0, 8, 0, NFTA_GEN_PROC_NAME, 0, 'n', 'f', 't', 0};
// A chain of our table, with these octets after its name.
Bytes chain(std::string_view name, const Bytes& behind) {
  Bytes bytes = content(NFPROTO_INET, NFTA_CHAIN_TABLE, "ostiary");
  const auto attribute = [&](uint16_t type, std::string_view value) {
    Bytes made = content(NFPROTO_INET, type, value);
    made.erase(made.begin(), made.begin() + 4);
    return made;
  };
  for (const Bytes& each : {attribute(NFTA_CHAIN_NAME, name), behind}) {
    bytes.resize((bytes.size() + 3) / 4 * 4);
    bytes.insert(bytes.end(), each.begin(), each.end());
  }
  return bytes;
}

const Bytes ours = content(NFPROTO_INET, NFTA_RULE_TABLE, "ostiary");
const Bytes others = content(NFPROTO_INET, NFTA_RULE_TABLE, "docker");
const Bytes namesake = content(NFPROTO_IPV4, NFTA_RULE_TABLE, "ostiary");

}  // namespace

TEST_SUITE("nft/watch") {
  TEST_CASE("reports a transaction on our table once, with its author") {
    TransactionReader reader(41);
    CHECK_FALSE(reader.take(message(NFT_MSG_DELRULE, 99, ours)));
    CHECK(reader.take(message(NFT_MSG_NEWGEN, 99, generation_7)) ==
          Change{Change::Kind::changed, 256, "nft"});
    CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 99, generation_7)));
  }

  TEST_CASE("a deleted table is reported as such") {
    TransactionReader reader(41);
    reader.take(message(NFT_MSG_DELRULE, 99, ours));
    reader.take(message(NFT_MSG_DELTABLE, 99, ours));
    reader.take(message(NFT_MSG_DELCHAIN, 99, ours));
    CHECK(reader.take(message(NFT_MSG_NEWGEN, 99, generation_7))->kind == Change::Kind::table_gone);
  }

  TEST_CASE("the note of a session is reported as such, unless the transaction does more") {
    const Bytes note = chain("joined", {});
    const auto reported = [](std::initializer_list<std::pair<uint8_t, const Bytes*>> messages) {
      TransactionReader reader(41);
      for (const auto& [kind, payload] : messages) reader.take(message(kind, 99, *payload));
      return reader.take(message(NFT_MSG_NEWGEN, 99, generation_7))->kind;
    };
    CHECK(reported({{NFT_MSG_NEWCHAIN, &note}}) == Change::Kind::joined);
    CHECK(reported({{NFT_MSG_NEWCHAIN, &note}, {NFT_MSG_NEWRULE, &ours}}) == Change::Kind::changed);
    CHECK(reported({{NFT_MSG_NEWRULE, &ours}, {NFT_MSG_NEWCHAIN, &note}}) == Change::Kind::changed);
    CHECK(reported({{NFT_MSG_NEWCHAIN, &note}, {NFT_MSG_DELTABLE, &ours}}) == Change::Kind::table_gone);
    CHECK(reported({{NFT_MSG_DELTABLE, &ours}, {NFT_MSG_NEWCHAIN, &note}}) == Change::Kind::table_gone);
    CHECK(reported({{NFT_MSG_DELCHAIN, &note}}) == Change::Kind::changed);
    const Bytes other = chain("joined_too", {});
    CHECK(reported({{NFT_MSG_NEWCHAIN, &other}}) == Change::Kind::changed);
    const Bytes with_hook = chain("joined", {4, 0, NFTA_CHAIN_HOOK, NLA_F_NESTED >> 8});
    CHECK(reported({{NFT_MSG_NEWCHAIN, &with_hook}}) == Change::Kind::changed);
    TransactionReader reader(41);  // a chain with this name
    netlink::Message renamed = message(NFT_MSG_NEWCHAIN, 99, note);
    renamed.flags = 0;
    reader.take(renamed);
    CHECK(reader.take(message(NFT_MSG_NEWGEN, 99, generation_7))->kind == Change::Kind::changed);
  }

  TEST_CASE("other tables and our own transactions are not reported") {
    TransactionReader reader(41);
    reader.take(message(NFT_MSG_DELRULE, 99, others));
    reader.take(message(NFT_MSG_DELRULE, 99, namesake));
    CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 99, generation_7)));
    reader.expect_from(42);
    reader.take(message(NFT_MSG_NEWSETELEM, 42, ours));
    CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 42, generation_7)));
    reader.take(message(NFT_MSG_NEWRULE, 41, ours));
    CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 41, generation_7)));
  }

  TEST_CASE("the port of a closed socket is not trusted") {
    TransactionReader reader(41);
    reader.expect_from(42);
    reader.expect_from(43);
    reader.take(message(NFT_MSG_NEWSETELEM, 43, ours));
    CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 43, generation_7)));
    reader.take(message(NFT_MSG_DELTABLE, 42, ours));
    CHECK(reader.take(message(NFT_MSG_NEWGEN, 42, generation_7)));
  }

  TEST_CASE("a truncated message is ignored") {
    TransactionReader reader(41);
    for (size_t size = 0; size < ours.size() - 1; ++size)
      CHECK_FALSE(reader.take(message(NFT_MSG_DELRULE, 99, std::span(ours).first(size))));
    for (size_t size = 0; size < 4; ++size)
      CHECK_FALSE(reader.take(message(NFT_MSG_NEWGEN, 99, std::span(ours).first(size))));
  }
}
