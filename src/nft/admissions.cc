#include "ostiary/nft/admissions.h"

#include <algorithm>
#include <array>
#include <bitset>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {
namespace {

// The most messages that one admission takes: add, delete, add.
constexpr size_t messages_each = 3;
// Room for headers, the names of table and set, an IPv6 key and a timeout.
constexpr size_t message_size = 160;
// An attempt fails only if an element expires during its transaction.
constexpr int attempts = 8;

using Key = std::array<uint8_t, 24>;

// Writes the set's key, in which each field fills whole 32-bit words. Returns its length.
size_t write_key(const Admission& admission, Key& key) {
  const auto octets = admission.address.octets();
  std::ranges::copy(octets, key.begin());
  const size_t end = octets.size();
  key[end] = admission.protocol;
  key[end + 4] = static_cast<uint8_t>(admission.port >> 8U);
  key[end + 5] = static_cast<uint8_t>(admission.port & 0xffU);
  return end + 8;
}

const char* set_of(const Admission& admission) {
  const bool v4 = admission.address.family() == inet::Family::ipv4;
  if (admission.admits == Admits::any_flow) return v4 ? allow4_name : allow6_name;
  return v4 ? named4_name : named6_name;
}

void put_element(nlmsghdr* message, const Admission& admission, uint64_t timeout_ms) {
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table_name);
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set_of(admission));
  nlattr* list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
  nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  Key key{};
  const size_t length = write_key(admission, key);
  nlattr* value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
  mnl_attr_put(message, NFTA_DATA_VALUE, length, key.data());
  mnl_attr_nest_end(message, value);
  if (timeout_ms != 0) mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, __builtin_bswap64(timeout_ms));
  mnl_attr_nest_end(message, element);
  mnl_attr_nest_end(message, list);
}

Error refused(const Admission& admission, int error) {
  const std::string what =
      "admission of " + admission.address.text() + " port " + std::to_string(admission.port);
  if (error == ENFILE)
    return {Exit::unavailable, what + ": the set is full; shorten --hold or allow fewer names"};
  if (error == ENOENT) return {Exit::unavailable, what + ": the table or its set is gone from the kernel"};
  return {Exit::unavailable, what + ": " + std::strerror(error)};
}

// The first refusal with another error than the expected one.
const netlink::Refusal* first_unexpected(std::span<const netlink::Refusal> refusals, int expected) {
  const auto found = std::ranges::find_if(
      refusals, [expected](const netlink::Refusal& each) { return each.error != expected; });
  return found == refusals.end() ? nullptr : &*found;
}

}  // namespace

KernelAdmissions::KernelAdmissions(netlink::Socket socket)
    : socket_(std::move(socket)), batch_(limits::batch_admissions * messages_each, message_size) {}

Result<KernelAdmissions> KernelAdmissions::open() {
  return KernelAdmissions(TRY(netlink::Socket::open(netlink::Bus::netfilter)));
}

void KernelAdmissions::add(const Admission& admission, uint16_t flags) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(admission.lifetime).count();
  nlmsghdr* message =
      batch_.add(NFT_MSG_NEWSETELEM, static_cast<uint16_t>(NLM_F_CREATE | flags), NFPROTO_INET);
  put_element(message, admission, static_cast<uint64_t>(milliseconds));
  batch_.end_message();
}

void KernelAdmissions::remove(const Admission& admission) {
  put_element(batch_.add(NFT_MSG_DELSETELEM, 0, NFPROTO_INET), admission, 0);
  batch_.end_message();
}

Result<> KernelAdmissions::admit(std::span<const Admission> admissions) {
  for (const Admission& each : admissions)
    if (each.lifetime <= std::chrono::seconds{0} || each.lifetime > std::chrono::years{1})
      return fail(Exit::unavailable, "admission of " + each.address.text() +
                                         ": the lifetime must be more than 0 and at most a year");
  for (; !admissions.empty();
       admissions = admissions.subspan(std::min(admissions.size(), limits::batch_admissions)))
    TRY(admit_batch(admissions.first(std::min(admissions.size(), limits::batch_admissions))));
  return {};
}

// Adding an element that exists does not move its expiry, and deleting one that does not exist
// fails. So the first "add" makes sure that the element exists. Then it is deleted and added with
// the new expiry. Packets meet only the result of the transaction.
void KernelAdmissions::renew(const Admission& admission) {
  add(admission, 0);
  remove(admission);
  add(admission, NLM_F_EXCL);
}

Result<std::span<const netlink::Refusal>> KernelAdmissions::try_with_priors(
    std::span<const Admission> admissions) {
  batch_.begin(NFNL_SUBSYS_NFTABLES);
  for (const Admission& each : admissions) {
    if (each.prior == Prior::absent)
      add(each, NLM_F_EXCL);
    else
      renew(each);
  }
  return batch_.commit(socket_);
}

Result<std::span<const netlink::Refusal>> KernelAdmissions::try_renewals(
    std::span<const Admission> admissions) {
  batch_.begin(NFNL_SUBSYS_NFTABLES);
  for (const Admission& each : admissions) renew(each);
  return batch_.commit(socket_);
}

Result<> KernelAdmissions::admit_batch(std::span<const Admission> admissions) {
  auto refusals = TRY(try_with_priors(admissions));
  // On older kernels an element may expire between its "add" and its "delete".
  for (int attempt = 1; !refusals.empty() && attempt < attempts; ++attempt) {
    refusals = TRY(try_renewals(admissions));
    if (first_unexpected(refusals, ENOENT) != nullptr) break;
  }
  if (refusals.empty()) return {};
  return std::unexpected(
      refused(admissions[refusals.front().message / messages_each], refusals.front().error));
}

Result<> KernelAdmissions::revoke(std::span<const Admission> admissions) {
  for (; !admissions.empty();
       admissions = admissions.subspan(std::min(admissions.size(), limits::batch_admissions)))
    TRY(revoke_batch(admissions.first(std::min(admissions.size(), limits::batch_admissions))));
  return {};
}

// The kernel names all elements that do not exist. The next attempt leaves them out.
Result<> KernelAdmissions::revoke_batch(std::span<const Admission> admissions) {
  std::bitset<limits::batch_admissions> gone;
  for (int attempt = 0; attempt < attempts && gone.count() < admissions.size(); ++attempt) {
    std::array<size_t, limits::batch_admissions> places{};
    size_t messages = 0;
    batch_.begin(NFNL_SUBSYS_NFTABLES);
    for (size_t i = 0; i < admissions.size(); ++i) {
      if (gone.test(i)) continue;
      places[messages++] = i;
      remove(admissions[i]);
    }
    const auto refusals = TRY(batch_.commit(socket_));
    if (refusals.empty()) return {};
    if (const auto* other = first_unexpected(refusals, ENOENT))
      return std::unexpected(refused(admissions[places[other->message]], other->error).within("revocation"));
    for (const netlink::Refusal& each : refusals) gone.set(places[each.message]);
  }
  if (gone.count() == admissions.size()) return {};
  return fail(Exit::unavailable, "revocation: too many admissions expired meanwhile");
}

}  // namespace ostiary::nft
