#include "ostiary/dns/wire_name.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::dns {
namespace {

constexpr uint8_t pointer_mark = 0xc0;

bool stands_in_a_host_name(uint8_t octet) {
  const auto c = static_cast<char>(octet);
  return is_lower_case(c) || is_digit(c) || c == '-' || c == '_';
}

void escape(std::string& out, uint8_t octet) {
  if (octet == '.' || octet == '\\') {
    out += '\\';
    out += static_cast<char>(octet);
  } else if (octet > ' ' && octet < 0x7f) {
    out += static_cast<char>(octet);
  } else {
    out += '\\';
    for (const int unit : {100, 10, 1}) out += static_cast<char>('0' + octet / unit % 10);
  }
}

}  // namespace

void WireName::append(std::span<const uint8_t> label) {
  octets_[size_++] = static_cast<uint8_t>(label.size());
  for (const uint8_t octet : label) octets_[size_++] = to_lower(octet);
}

std::expected<WireName, NameFault> WireName::decode(Reader& cursor, Compression compression) {
  WireName name;
  name.size_ = 0;
  Reader at = cursor;
  // The start of the labels that are being read. The target of a pointer must be before it, so
  // pointers cannot form a loop.
  size_t run = cursor.position();
  for (size_t hops = 0;;) {
    const uint8_t length = at.u8();
    if (!at.ok()) return std::unexpected(NameFault::cut_short);
    if (length <= limits::label_octets) {
      const auto label = at.take(length);
      if (!at.ok()) return std::unexpected(NameFault::cut_short);
      // Keep one octet for the root, unless this label is the root.
      if (name.size_ + size_t{length} + (length == 0 ? 1 : 2) > limits::name_octets)
        return std::unexpected(NameFault::too_long);
      name.append(label);
      if (length != 0) continue;
      if (hops == 0) cursor.seek(at.position());
      return name;
    }
    if ((length & pointer_mark) != pointer_mark) return std::unexpected(NameFault::label_kind);
    const size_t target = static_cast<size_t>(length & ~pointer_mark) << 8 | at.u8();
    if (!at.ok()) return std::unexpected(NameFault::cut_short);
    if (compression == Compression::refused || target >= run || target < limits::header_octets)
      return std::unexpected(NameFault::pointer);
    if (hops == 0) cursor.seek(at.position());
    if (++hops > limits::pointer_hops) return std::unexpected(NameFault::pointer_hops);
    run = target;
    at.seek(target);
  }
}

std::expected<WireName, NameFault> WireName::read(Reader& cursor) {
  return decode(cursor, Compression::refused);
}

std::expected<WireName, NameFault> WireName::read_compressed(Reader& cursor) {
  return decode(cursor, Compression::followed);
}

WireName WireName::from(const inet::HostName& host) {
  WireName name;
  name.size_ = 0;
  for (std::string_view rest = host.text(); !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    name.octets_[name.size_++] = static_cast<uint8_t>(label.size());
    for (const char c : label) name.octets_[name.size_++] = static_cast<uint8_t>(c);
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
  }
  name.append({});
  return name;
}

std::optional<inet::HostName> WireName::host_name() const {
  std::string host;
  for (const auto suffix : suffixes()) {
    const auto label = suffix.subspan(1, suffix[0]);
    if (!std::ranges::all_of(label, stands_in_a_host_name)) return std::nullopt;
    if (!host.empty()) host += '.';
    host.append(label.begin(), label.end());
  }
  auto parsed = inet::HostName::parse(host);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

std::string WireName::text() const {
  if (is_root()) return ".";
  std::string out;
  for (const auto suffix : suffixes()) {
    if (!out.empty()) out += '.';
    for (const uint8_t octet : suffix.subspan(1, suffix[0])) escape(out, octet);
  }
  return out;
}

bool WireName::operator==(const WireName& other) const {
  return std::ranges::equal(octets(), other.octets());
}

std::strong_ordering WireName::operator<=>(const WireName& other) const {
  const auto a = octets();
  const auto b = other.octets();
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace ostiary::dns
