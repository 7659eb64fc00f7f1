// hunt/stage.h: the addresses that programs, injector and judge use. They are few, so that programs
// interact.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <netinet/in.h>

namespace ostiary::hunt {

// IPv4 addresses are stored as ::ffff:a.b.c.d.
using Address = std::array<uint8_t, 16>;

Address parse_address(const std::string& text);
std::string text(const Address& address);
bool is_v4(const Address& address);

// The addresses that differ between two runs, in the order of the programs' arguments.
struct Stage {
  Address own4;
  Address own6;
  Address link6;  // the host's link-local address
  Address gateway4;
  Address gateway6;
  Address broadcast4;
  uint32_t interface = 0;  // the index of eth0 in the agent's container
  static constexpr int arguments = 7;
  static Stage parse(char** words);
};

enum class Sort : uint8_t { v4, v6 };

struct Place {
  std::string_view name;
  Sort sort;        // the family of the socket address
  Address address;  // a mapped IPv4 address in an IPv6 socket address has the sort v6
};

inline constexpr size_t place_count = 47;

// Indices of places.
namespace place_index {
inline constexpr uint8_t loopback4 = 3, any4 = 6, allowed4 = 7, collector4 = 16, shared4 = 17;
inline constexpr uint8_t first_v6 = 18, any6 = 22, allowed6 = 23, collector6 = 31, shared6 = 32;
inline constexpr uint8_t nowhere = place_count;
}  // namespace place_index

// All addresses that a program can name.
class Places {
 public:
  explicit Places(const Stage& stage);
  const Place& at(size_t index) const { return places_[index % places_.size()]; }
  size_t size() const { return places_.size(); }
  uint32_t scope_of(const Place& place) const;
  uint32_t interface() const { return interface_; }

 private:
  std::array<Place, place_count> places_;
  uint32_t interface_;
};

// Only the names. They are the same in every run.
std::span<const std::string_view> place_names();

inline constexpr const char* allowed4 = "198.51.100.10";
inline constexpr const char* allowed6 = "2001:db8:10::10";
inline constexpr const char* resolver4 = "198.51.100.53";
inline constexpr const char* resolver6 = "2001:db8:53::53";
inline constexpr const char* unlisted4 = "203.0.113.66";
inline constexpr const char* unlisted6 = "2001:db8:66::66";
inline constexpr const char* collector4 = "198.51.100.18";
inline constexpr const char* collector6 = "2001:db8:18::18";
inline constexpr const char* shared4 = "198.51.100.20";  // several names have it
inline constexpr const char* shared6 = "2001:db8:20::20";
inline constexpr const char* peer4 = "203.0.113.77";  // sends packets to the agent's host
inline constexpr const char* peer6 = "2001:db8:77::77";

}  // namespace ostiary::hunt
