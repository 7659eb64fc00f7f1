// dns/wire_name.h: a DNS name in wire format, in lower case, in its own buffer.
// - It is always well formed: labels of 1 to 63 octets, the empty label of the root at the end, at
//   most 255 octets in all.
// - A label may contain any octet, including a dot or a NUL.
// - A name converts to a host name only if every octet is valid in a host name. So no other name
//   can match a rule.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ostiary/base/hash.h"
#include "ostiary/dns/cursor.h"
#include "ostiary/dns/limits.h"
#include "ostiary/inet/host_name.h"

namespace ostiary::dns {

enum class NameFault : uint8_t { cut_short, too_long, label_kind, pointer, pointer_hops };

class WireName {
 public:
  WireName() = default;  // the root
  // Reads a name without compression, as in a question.
  static std::expected<WireName, NameFault> read(Reader& cursor);
  // Reads a name that may be compressed. The target of a pointer must be after the header and
  // before the labels that the pointer ends.
  static std::expected<WireName, NameFault> read_compressed(Reader& cursor);
  static WireName from(const inet::HostName& name);

  // The wire format, including the zero octet of the root.
  std::span<const uint8_t> octets() const { return std::span(octets_).first(size_); }
  bool is_root() const { return size_ == 1; }
  std::optional<inet::HostName> host_name() const;
  // For people and the audit, without a trailing dot. "\." is a dot inside a label. An octet that
  // is not printable becomes three decimal digits, like "\000".
  std::string text() const;

  // The octets of this name and of each of its parents, except the root: "a.b.c", "b.c", "c".
  class Suffixes;
  Suffixes suffixes() const&;
  Suffixes suffixes() && = delete;

  bool operator==(const WireName& other) const;
  // Orders by octets. This is not the canonical order of RFC 4034.
  std::strong_ordering operator<=>(const WireName& other) const;

 private:
  enum class Compression : uint8_t { refused, followed };
  static std::expected<WireName, NameFault> decode(Reader& cursor, Compression compression);
  void append(std::span<const uint8_t> label);

  uint8_t size_ = 1;
  std::array<uint8_t, limits::name_octets> octets_{};
};

inline uint64_t hash(const HashKey& key, const WireName& name) {
  return hash(key, name.octets());
}

class WireName::Suffixes {
 public:
  class Iterator {
   public:
    explicit Iterator(std::span<const uint8_t> rest) : rest_(rest) {}
    std::span<const uint8_t> operator*() const { return rest_; }
    Iterator& operator++() {
      rest_ = rest_.subspan(size_t{1} + rest_[0]);
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return rest_[0] == 0; }

   private:
    std::span<const uint8_t> rest_;
  };

  explicit Suffixes(std::span<const uint8_t> octets) : octets_(octets) {}
  Iterator begin() const { return Iterator(octets_); }
  static std::default_sentinel_t end() { return {}; }

 private:
  std::span<const uint8_t> octets_;
};

inline WireName::Suffixes WireName::suffixes() const& {
  return Suffixes(octets());
}

}  // namespace ostiary::dns
