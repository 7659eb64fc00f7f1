// hunt/words.h: the names that arguments of steps have in a program's text, and their values.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "name_forms.h"
#include "relay_forms.h"

namespace ostiary::hunt {

struct Word {
  std::string_view name;
  int value;
};

enum class Shape : uint8_t {
  number,
  interface,          // an index
  network_interface,  // an index in network order
  device,             // a name
  address4,
  mreqn,  // a group or nothing, an address, an interface
  mreq6,
  group_request,
  source_request,
  pktinfo6,
  routing_header,
  extension_header,
  ip_options,
  linger,
  congestion,
  protocol_layer,
  md5,
  port_range,
  flow_label,
};

struct Option {
  std::string_view name;
  int level;
  int number;
  Shape shape;
};

enum class Control : uint8_t {
  none,
  pktinfo4,
  pktinfo6,
  ttl,
  tos,
  ip_options,
  hop_limit,
  traffic_class,
  routing_header,
  destination_options,
  hop_by_hop,
  dont_fragment,
  segment,
  mark,
  flow_info,
};

std::span<const Word> families();
std::span<const Word> types();
std::span<const Word> protocols();
std::span<const Word> ports();
std::span<const Word>
payloads();  // sizes in octets; negative values are DNS questions, and forms for the relay and the shared address
inline constexpr int denied_question = -1;
inline constexpr int allowed_question = -2;
inline constexpr int first_relay_form = -3;  // of RelayForm; the others are below it
inline constexpr int first_name_form = first_relay_form - static_cast<int>(relay_forms);  // of NameForm
inline constexpr size_t first_relay_payload = 11;
inline constexpr size_t first_name_payload = first_relay_payload + relay_forms;
inline constexpr uint16_t relays_port = 15354;
std::span<const Word> flags();
std::span<const Word> controls();
std::span<const Word> numbers();
std::span<const Word> interfaces();  // 0: none, 1: lo, 2: eth0
std::span<const Word> routes();      // kinds of routing headers and of IPv4 source routes
std::span<const Word> ways();        // of shutdown
std::span<const Word> pauses();      // in microseconds
std::span<const Word> tcp_flags();   // of raw packets
std::span<const Option> options();

}  // namespace ostiary::hunt
