#include "stage.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>

namespace ostiary::hunt {
namespace {

constexpr std::array<uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

constexpr std::array<std::string_view, place_count> names{"own4",
                                                          "gateway4",
                                                          "broadcast4",
                                                          "loopback4",
                                                          "stub4",
                                                          "docker4",
                                                          "any4",
                                                          "allowed4",
                                                          "unlisted4",
                                                          "peer4",
                                                          "resolver4",
                                                          "group4",
                                                          "far-group4",
                                                          "all4",
                                                          "metadata4",
                                                          "allowed-net4",
                                                          "collector4",
                                                          "shared4",
                                                          "own6",
                                                          "link6",
                                                          "gateway6",
                                                          "loopback6",
                                                          "any6",
                                                          "allowed6",
                                                          "unlisted6",
                                                          "peer6",
                                                          "resolver6",
                                                          "group6",
                                                          "far-group6",
                                                          "routers6",
                                                          "allowed-net6",
                                                          "collector6",
                                                          "shared6",
                                                          "own-mapped",
                                                          "loopback-mapped",
                                                          "any-mapped",
                                                          "allowed-mapped",
                                                          "unlisted-mapped",
                                                          "peer-mapped",
                                                          "resolver-mapped",
                                                          "group-mapped",
                                                          "all-mapped",
                                                          "gateway-mapped",
                                                          "collector-mapped",
                                                          "shared-mapped",
                                                          "nat64",
                                                          "compatible"};
static_assert(names[place_index::loopback4] == "loopback4" && names[place_index::allowed4] == "allowed4" &&
              names[place_index::collector4] == "collector4" && names[place_index::shared4] == "shared4" &&
              names[place_index::first_v6] == "own6" && names[place_index::allowed6] == "allowed6" &&
              names[place_index::collector6] == "collector6" && names[place_index::shared6] == "shared6");

}  // namespace

Address parse_address(const std::string& text) {
  Address out{};
  std::ranges::copy(mapped_prefix, out.begin());
  if (::inet_pton(AF_INET, text.c_str(), out.data() + 12) == 1) return out;
  if (::inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
  std::fprintf(stderr, "hunt: not an address: %s\n", text.c_str());
  std::exit(EXIT_FAILURE);
}

bool is_v4(const Address& address) {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.begin());
}

std::string text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (is_v4(address))
    ::inet_ntop(AF_INET, address.data() + 12, out.data(), out.size());
  else
    ::inet_ntop(AF_INET6, address.data(), out.data(), out.size());
  return out.data();
}

Stage Stage::parse(char** words) {
  return {parse_address(words[0]),
          parse_address(words[1]),
          parse_address(words[2]),
          parse_address(words[3]),
          parse_address(words[4]),
          parse_address(words[5]),
          static_cast<uint32_t>(std::strtoul(words[6], nullptr, 10))};
}

std::span<const std::string_view> place_names() {
  return names;
}

Places::Places(const Stage& stage) : interface_(stage.interface) {
  const auto given = [](const char* text) { return parse_address(text); };
  const std::array<Address, names.size()> addresses{stage.own4,
                                                    stage.gateway4,
                                                    stage.broadcast4,
                                                    given("127.0.0.1"),
                                                    given("127.0.0.53"),
                                                    given("127.0.0.11"),
                                                    given("0.0.0.0"),
                                                    given(allowed4),
                                                    given(unlisted4),
                                                    given(peer4),
                                                    given(resolver4),
                                                    given("224.0.0.1"),
                                                    given("239.1.2.3"),
                                                    given("255.255.255.255"),
                                                    given("169.254.169.254"),
                                                    given("192.0.2.9"),
                                                    given(collector4),
                                                    given(shared4),
                                                    stage.own6,
                                                    stage.link6,
                                                    stage.gateway6,
                                                    given("::1"),
                                                    given("::"),
                                                    given(allowed6),
                                                    given(unlisted6),
                                                    given(peer6),
                                                    given(resolver6),
                                                    given("ff02::1"),
                                                    given("ff05::3"),
                                                    given("ff02::2"),
                                                    given("2001:db8:98::9"),
                                                    given(collector6),
                                                    given(shared6),
                                                    stage.own4,
                                                    given("127.0.0.1"),
                                                    given("0.0.0.0"),
                                                    given(allowed4),
                                                    given(unlisted4),
                                                    given(peer4),
                                                    given(resolver4),
                                                    given("224.0.0.1"),
                                                    given("255.255.255.255"),
                                                    stage.gateway4,
                                                    given(collector4),
                                                    given(shared4),
                                                    given("64:ff9b::203.0.113.66"),
                                                    given("::203.0.113.66")};
  for (size_t index = 0; index < names.size(); ++index)
    places_[index] = {names[index],
                      names[index].ends_with('4') && names[index] != "nat64" ? Sort::v4 : Sort::v6,
                      addresses[index]};
}

uint32_t Places::scope_of(const Place& place) const {
  const bool local = place.address[0] == 0xfe || (place.address[0] == 0xff && place.address[1] == 2);
  return local ? interface_ : 0;
}

}  // namespace ostiary::hunt
