// dns/cache.h: caches answers for the TTL of their records.
// - The cache holds at most `capacity` answers. A new one then replaces the least recently used.
// - A lookup takes constant time and does not allocate.
// - Memory grows with the answers, up to `capacity` of them.
// - The caller passes the time, which must not go backwards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ostiary/base/hash.h"
#include "ostiary/dns/message.h"
#include "ostiary/dns/wire_name.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::dns {

class Cache {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `withheld`: the name has addresses, but the policy permits none of them in an answer.
  enum class Outcome : uint8_t { no_such_name, no_data, withheld, addresses };

  struct Hit {
    Outcome outcome{};
    std::span<const inet::IpAddress> addresses;  // valid until the cache changes
    std::chrono::seconds ttl{};                  // remaining, rounded up: at least one second
    Time admitted_until;                         // the kernel admits every address until then
  };

  // `capacity` is at least 1 and at most 2^31.
  Cache(size_t capacity, const HashKey& key);

  std::optional<Hit> find(const WireName& name, RecordType type, Time now);

  // Each function replaces the entry of the name and type. It clamps the TTL to the limits. It
  // keeps at most limits::addresses addresses. put_addresses() without addresses stores no_data.
  void put_addresses(const WireName& name, RecordType type, std::span<const inet::IpAddress> addresses,
                     std::chrono::seconds ttl, Time now, Time admitted_until);
  void put_no_data(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now);
  void put_withheld(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now);
  void put_no_such_name(const WireName& name, RecordType type, std::chrono::seconds ttl, Time now);

  // For an admission that was renewed.
  void set_admitted_until(const WireName& name, RecordType type, Time until);

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

 private:
  using Index = uint32_t;
  static constexpr Index none = UINT32_MAX;

  struct Entry {
    Time expires;
    Time admitted_until;
    std::unique_ptr<uint8_t[]> name;
    std::unique_ptr<inet::IpAddress[]> addresses;
    uint32_t hash = 0;
    Index in_bucket = none;  // the next entry in the bucket, or in the list of free entries
    Index older = none;
    Index newer = none;
    RecordType type{};
    uint8_t name_size = 0;
    uint8_t address_count = 0;
    Outcome outcome{};
  };
  static_assert(sizeof(Entry) <= 56, "ten thousand entries must stay small");

  uint32_t hash_of(const WireName& name, RecordType type) const;
  Index& bucket(uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  Index lookup(const WireName& name, RecordType type, uint32_t hash) const;
  // Returns an empty entry for this name and type, as the most recently used one.
  Entry& claim(const WireName& name, RecordType type);
  Index free_entry();
  void grow_buckets();
  void remove(Index index);
  void unlink_use(Index index);
  void link_newest(Index index);
  void put_absence(const WireName& name, RecordType type, Outcome outcome, std::chrono::seconds ttl,
                   Time now);

  size_t capacity_;
  HashKey key_;
  size_t size_ = 0;
  std::vector<Entry> entries_;
  std::vector<Index> buckets_;  // the size is 0 or a power of two
  Index free_ = none;
  Index oldest_ = none;
  Index newest_ = none;
};

}  // namespace ostiary::dns
