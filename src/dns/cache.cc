#include "ostiary/dns/cache.h"

#include <algorithm>
#include <utility>

#include "ostiary/dns/limits.h"
#include "ttl.h"

namespace ostiary::dns {
namespace {

constexpr size_t initial_buckets = 64;
static_assert(limits::addresses <= UINT8_MAX && limits::name_octets <= UINT8_MAX);

std::chrono::seconds remaining(Cache::Time expires, Cache::Time now) {
  return std::chrono::ceil<std::chrono::seconds>(expires - now);
}

}  // namespace

Cache::Cache(size_t capacity, const HashKey& key)
    : capacity_(std::clamp<size_t>(capacity, 1, size_t{1} << 31)), key_(key) {}

uint32_t Cache::hash_of(const WireName& name, RecordType type) const {
  const HashKey of_type{key_.first, key_.second ^ std::to_underlying(type)};
  return static_cast<uint32_t>(hash(of_type, name));
}

Cache::Index Cache::lookup(const WireName& name, RecordType type, uint32_t hash) const {
  if (buckets_.empty()) return none;
  Index index = buckets_[hash & (buckets_.size() - 1)];
  while (index != none) {
    const Entry& entry = entries_[index];
    if (entry.hash == hash && entry.type == type &&
        std::ranges::equal(std::span(entry.name.get(), entry.name_size), name.octets()))
      break;
    index = entry.in_bucket;
  }
  return index;
}

std::optional<Cache::Hit> Cache::find(const WireName& name, RecordType type, Time now) {
  const Index index = lookup(name, type, hash_of(name, type));
  if (index == none) return std::nullopt;
  if (entries_[index].expires <= now) {
    remove(index);
    return std::nullopt;
  }
  unlink_use(index);
  link_newest(index);
  const Entry& entry = entries_[index];
  return Hit{entry.outcome, std::span(entry.addresses.get(), entry.address_count),
             remaining(entry.expires, now), entry.admitted_until};
}

void Cache::put_addresses(const WireName& name, RecordType type, std::span<const inet::IpAddress> addresses,
                          std::chrono::seconds ttl, Time now, Time admitted_until) {
  if (addresses.empty()) return put_no_data(name, type, ttl, now);
  const size_t count = std::min(addresses.size(), limits::addresses);
  Entry& entry = claim(name, type);
  entry.outcome = Outcome::addresses;
  entry.expires = now + positive_ttl(ttl);
  entry.admitted_until = admitted_until;
  entry.addresses = std::make_unique<inet::IpAddress[]>(count);
  entry.address_count = static_cast<uint8_t>(count);
  std::ranges::copy(addresses.first(count), entry.addresses.get());
}

void Cache::put_absence(const WireName& name, RecordType type, Outcome outcome, std::chrono::seconds ttl,
                        Time now) {
  Entry& entry = claim(name, type);
  entry.outcome = outcome;
  entry.expires = now + negative_ttl(ttl);
}

void Cache::put_no_data(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now) {
  put_absence(name, type, Outcome::no_data, ttl, now);
}

void Cache::put_withheld(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now) {
  put_absence(name, type, Outcome::withheld, ttl, now);
}

void Cache::put_no_such_name(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now) {
  put_absence(name, type, Outcome::no_such_name, ttl, now);
}

void Cache::set_admitted_until(const WireName& name, RecordType type, Time until) {
  const Index index = lookup(name, type, hash_of(name, type));
  if (index != none) entries_[index].admitted_until = until;
}

Cache::Entry& Cache::claim(const WireName& name, RecordType type) {
  const uint32_t hash = hash_of(name, type);
  if (const Index known = lookup(name, type, hash); known != none) remove(known);
  if (size_ == capacity_) remove(oldest_);
  if (size_ == buckets_.size()) grow_buckets();
  const Index index = free_entry();
  Entry& entry = entries_[index];
  const auto octets = name.octets();
  entry.name = std::make_unique<uint8_t[]>(octets.size());
  entry.name_size = static_cast<uint8_t>(octets.size());
  std::ranges::copy(octets, entry.name.get());
  entry.type = type;
  entry.hash = hash;
  entry.in_bucket = std::exchange(bucket(hash), index);
  link_newest(index);
  ++size_;
  return entry;
}

Cache::Index Cache::free_entry() {
  if (free_ != none) return std::exchange(free_, entries_[free_].in_bucket);
  entries_.emplace_back();
  return static_cast<Index>(entries_.size() - 1);
}

void Cache::grow_buckets() {
  buckets_.assign(std::max(initial_buckets, 2 * buckets_.size()), none);
  for (Index index = oldest_; index != none; index = entries_[index].newer)
    entries_[index].in_bucket = std::exchange(bucket(entries_[index].hash), index);
}

void Cache::remove(Index index) {
  Entry& entry = entries_[index];
  Index* link = &bucket(entry.hash);
  while (*link != index) link = &entries_[*link].in_bucket;
  *link = entry.in_bucket;
  unlink_use(index);
  entry = Entry{};
  entry.in_bucket = std::exchange(free_, index);
  --size_;
}

void Cache::unlink_use(Index index) {
  const Entry& entry = entries_[index];
  (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
}

void Cache::link_newest(Index index) {
  Entry& entry = entries_[index];
  entry.older = newest_;
  entry.newer = none;
  (newest_ == none ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

}  // namespace ostiary::dns
