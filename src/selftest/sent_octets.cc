#include "sent_octets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include <sys/socket.h>

#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::selftest {
namespace {

constexpr size_t max_table = 65536;

// Kernels differ in whether the first count includes multicast and broadcast. The sum moves in
// either case.
std::optional<uint64_t> sum(std::span<const std::optional<uint64_t>> counts) {
  uint64_t total = 0;
  for (const auto& count : counts) {
    if (!count) return std::nullopt;
    total += *count;
  }
  return total;
}

// The second line has the values, in the order of the names in the first.
std::optional<uint64_t> value_under(std::string_view names, std::string_view values, std::string_view name) {
  while (!names.empty()) {
    const std::string_view value = take_word(values);
    if (take_word(names) == name) return parse_number<uint64_t>(value);
  }
  return std::nullopt;
}

std::optional<uint64_t> value_of(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    std::string_view line = take_until(lines, '\n');
    if (take_word(line) == name) return parse_number<uint64_t>(take_word(line));
  }
  return std::nullopt;
}

bool kernel_lacks_ipv6() {
  const UniqueFd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  return !fd.valid() && errno == EAFNOSUPPORT;
}

}  // namespace

std::optional<uint64_t> sent_over_ipv4(std::string_view netstat) {
  while (!netstat.empty()) {
    const std::string_view names = take_until(netstat, '\n');
    if (!names.starts_with("IpExt:")) continue;
    const std::string_view values = take_until(netstat, '\n');
    const std::array counts{value_under(names, values, "OutOctets"),
                            value_under(names, values, "OutMcastOctets"),
                            value_under(names, values, "OutBcastOctets")};
    return sum(counts);
  }
  return std::nullopt;
}

std::optional<uint64_t> sent_over_ipv6(std::string_view snmp6) {
  const std::array counts{value_of(snmp6, "Ip6OutOctets"), value_of(snmp6, "Ip6OutMcastOctets")};
  return sum(counts);
}

std::optional<SentOctets> read_sent_octets() {
  const auto netstat = read_file("/proc/net/netstat", max_table);
  if (!netstat) return std::nullopt;
  const auto snmp6 = read_file("/proc/net/snmp6", max_table);
  const auto ipv4 = sent_over_ipv4(*netstat);
  const auto ipv6 = snmp6                 ? sent_over_ipv6(*snmp6)
                    : kernel_lacks_ipv6() ? std::optional<uint64_t>(0)
                                          : std::nullopt;
  if (!ipv4 || !ipv6) return std::nullopt;
  return SentOctets{*ipv4, *ipv6};
}

}  // namespace ostiary::selftest
