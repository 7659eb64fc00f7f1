#include "audit/line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ostiary/base/encoding.h"

namespace ostiary::audit {
namespace {

// The escape for the first character of a text, or for its first octet if that does not begin a
// UTF-8 character. `taken` octets of the text become `size` octets.
struct Escape {
  std::array<char, 12> octets{};
  size_t size = 0;
  size_t taken = 1;
};

void put(Escape& escape, std::string_view text) {
  for (const char c : text) escape.octets[escape.size++] = c;
}

void put_unit(Escape& escape, uint32_t unit) {
  put(escape, "\\u");
  for (unsigned shift = 16; shift > 0; shift -= 4)
    escape.octets[escape.size++] = hexadecimal_digits[unit >> (shift - 4) & 15U];
}

Escape escape_first(std::string_view text) {
  Escape escape;
  const auto octet = static_cast<uint8_t>(text.front());
  if (octet == '"' || octet == '\\') {
    put(escape, "\\");
    put(escape, text.substr(0, 1));
    return escape;
  }
  const auto character = first_character(text);
  if (!character) {
    put(escape, "\\\\x");
    escape.octets[escape.size++] = hexadecimal_digits[octet >> 4U];
    escape.octets[escape.size++] = hexadecimal_digits[octet & 15U];
    return escape;
  }
  escape.taken = character->size;
  if (character->code < 0x10000) {
    put_unit(escape, character->code);
  } else {
    put_unit(escape, 0xd800 + ((character->code - 0x10000) >> 10U));
    put_unit(escape, 0xdc00 + ((character->code - 0x10000) & 0x3ffU));
  }
  return escape;
}

// Whether the octet needs no escape.
constexpr bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

constexpr std::string_view end_of_line = "}\n";
constexpr std::string_view cut_mark = "\\u2026";
constexpr std::string_view cut_ports = R"("\u2026")";
constexpr size_t longest_ports = sizeof(R"(,"65535-65535/udplite")");

// Writes a number with leading zeros.
void put_digits(char*& at, unsigned value, size_t count) {
  for (size_t i = count; i > 0; --i, value /= 10) at[i - 1] = static_cast<char>('0' + value % 10);
  at += count;
}

// 2026-01-02T03:04:05.678901Z
std::array<char, 27> calendar(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<microseconds>(time - day)};
  std::array<char, 27> text{};
  char* at = text.data();
  const auto field = [&at](auto value, size_t count, char after) {
    put_digits(at, static_cast<unsigned>(value), count);
    *at++ = after;
  };
  field(static_cast<int>(date.year()), 4, '-');
  field(static_cast<unsigned>(date.month()), 2, '-');
  field(static_cast<unsigned>(date.day()), 2, 'T');
  field(clock.hours().count(), 2, ':');
  field(clock.minutes().count(), 2, ':');
  field(clock.seconds().count(), 2, '.');
  field(clock.subseconds().count(), 6, 'Z');
  return text;
}

std::string_view protocol_name(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_IGMP:
      return "igmp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_DCCP:
      return "dccp";
    case IPPROTO_ICMPV6:
      return "icmpv6";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_UDPLITE:
      return "udplite";
    default:
      return {};
  }
}

}  // namespace

Line::Line(LineRoom room, Time time, std::string_view helper, std::string_view event, AuditRoad road)
    : room_(room) {
  put(R"({"time":")");
  const auto when = calendar(time);
  put({when.data(), when.size()});
  put("\"");
  name("event");
  put("\"");
  put(helper);
  put(event);
  put("\"");
  if (road == AuditRoad::shared) word("road", "shared with the agent");
}

void Line::put(std::string_view octets) {
  const size_t size = std::min(octets.size(), room_.size() - end_of_line.size() - size_);
  std::copy_n(octets.begin(), size, room_.begin() + static_cast<ptrdiff_t>(size_));
  size_ += size;
}

void Line::put_number(uint64_t value) {
  std::array<char, 20> decimal{};
  const auto end = std::to_chars(decimal.data(), decimal.data() + decimal.size(), value).ptr;
  put({decimal.data(), end});
}

void Line::put_protocol(uint8_t value) {
  const std::string_view name = protocol_name(value);
  if (name.empty())
    put_number(value);
  else
    put(name);
}

void Line::name(std::string_view field) {
  put(",\"");
  put(field);
  put("\":");
}

Line& Line::text(std::string_view field, std::string_view value) {
  name(field);
  put("\"");
  const size_t end = size_ + limits::text_octets;
  const size_t last_cut = end - cut_mark.size();
  size_t cut = size_;  // the last position between two characters that is not after last_cut
  bool whole = true;
  while (whole && !value.empty()) {
    const auto plain = std::ranges::find_if_not(value, is_plain) - value.begin();
    const std::string_view run = value.substr(0, std::min(static_cast<size_t>(plain), end - size_));
    if (size_ <= last_cut) cut = std::min(size_ + run.size(), last_cut);
    put(run);
    value.remove_prefix(run.size());
    if (value.empty()) break;
    const Escape escape = escape_first(value);
    whole = size_ + escape.size <= end;
    if (!whole) break;
    put({escape.octets.data(), escape.size});
    if (size_ <= last_cut) cut = size_;
    value.remove_prefix(escape.taken);
  }
  if (!whole) {
    size_ = cut;
    put(cut_mark);
  }
  put("\"");
  return *this;
}

Line& Line::known(std::string_view field, std::string_view value) {
  return value.empty() ? *this : text(field, value);
}

Line& Line::word(std::string_view field, std::string_view value) {
  name(field);
  put("\"");
  put(value);
  put("\"");
  return *this;
}

Line& Line::number(std::string_view field, uint64_t value) {
  name(field);
  put_number(value);
  return *this;
}

Line& Line::address(const inet::IpAddress& value) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const int family = value.family() == inet::Family::ipv4 ? AF_INET : AF_INET6;
  inet_ntop(family, value.octets().data(), buffer.data(), buffer.size());
  return word("address", buffer.data());
}

Line& Line::protocol(uint8_t value) {
  name("protocol");
  put("\"");
  put_protocol(value);
  put("\"");
  return *this;
}

Line& Line::ports(std::span<const GrantedPorts> value) {
  name("ports");
  put("[");
  const size_t end = size_ + limits::text_octets - longest_ports - cut_ports.size();
  std::string_view separator;
  for (const GrantedPorts& ports : value) {
    put(separator);
    separator = ",";
    if (size_ > end) {
      put(cut_ports);
      break;
    }
    put("\"");
    put_number(ports.first);
    if (ports.last != ports.first) {
      put("-");
      put_number(ports.last);
    }
    put("/");
    put_protocol(ports.protocol);
    put("\"");
  }
  put("]");
  return *this;
}

std::string_view Line::finish() {
  std::ranges::copy(end_of_line, room_.begin() + static_cast<ptrdiff_t>(size_));
  return {room_.data(), size_ + end_of_line.size()};
}

}  // namespace ostiary::audit
