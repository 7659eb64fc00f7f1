// The audit: every line is one JSON object of printable ASCII, within its size limit. Each text can
// be read back unchanged, except octets that are not UTF-8, and a part that was cut off. The relay reads
// every line.
#include <array>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "ostiary/audit/event.h"
#include "relay/audit_line.h"

using namespace ostiary;
using namespace ostiary::audit;
using Parsed = nlohmann::json;

namespace {

std::string hex(uint8_t octet) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {digits[octet >> 4U], digits[octet & 15U]};
}

std::string shown(std::string_view text) {
  std::string whole;
  while (!text.empty()) {
    const size_t size = fuzz::utf8_size(text);
    if (size == 0)
      whole += "\\x" + hex(static_cast<uint8_t>(text[0]));
    else
      whole += text.substr(0, size);
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return whole;
}

void check_text(const Parsed& object, const char* field, std::string_view text) {
  if (!object.contains(field)) return HOLDS(text.empty());
  const auto value = object[field].get<std::string>();
  const std::string expected = shown(text);
  constexpr std::string_view cut = "…";
  if (value == expected) return;
  HOLDS(value.ends_with(cut) && expected.starts_with(value.substr(0, value.size() - cut.size())));
  HOLDS(value.size() > 150);
}

// The relay reads each line, and makes of it a record with a sentence of one line.
void check_record(std::string_view line, Time time, size_t fields) {
  const auto read = relay::read_audit_line(line);
  HOLDS(read.has_value());
  HOLDS(read->time == static_cast<uint64_t>(std::chrono::nanoseconds(time.time_since_epoch()).count()));
  HOLDS(fuzz::is_one_line(relay::sentence_of(*read)));
  HOLDS(relay::attributes_of(*read).size() == fields - 2);
}

Parsed check_line(const Event& event, Time time) {
  std::array<char, limits::line_octets> room;
  room.fill('~');
  const std::string_view line = render(event, time, room);
  HOLDS(line.data() == room.data() && line.size() <= limits::line_octets);
  HOLDS(line.ends_with("}\n"));
  for (const char c : line.substr(0, line.size() - 1)) HOLDS(c >= 0x20 && c < 0x7f);
  Parsed object = Parsed::parse(line, nullptr, false);
  HOLDS(object.is_object() && object.contains("event") && object["time"].get<std::string>().size() == 27);
  check_record(line, time, object.size());
  return object;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t kind = input.octet();
  const uint8_t number = input.octet();
  const Time time{std::chrono::seconds(uint64_t{input.number()} << 16U | number)};
  const std::string_view a = fuzz::as_text(input.take(input.number()));
  const std::string_view b = fuzz::as_text(input.take(input.number()));
  const std::string_view c = input.rest_as_text();
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(a.substr(0, octets.size()), octets.begin());
  const auto address = (number & 1U) != 0 ? inet::IpAddress::v6(octets)
                                          : inet::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
  switch (kind % 8) {
    case 0: {
      const Parsed line = check_line(
          Boot{.version = a, .process = number, .gate = GateSwitch::on, .user = b, .command = c}, time);
      check_text(line, "version", a);
      check_text(line, "user", b);
      check_text(line, "command", c);
      break;
    }
    case 1: {
      const DenyName event{.name = a,
                           .type = b,
                           .why = deny_reasons[number % deny_reasons.size()],
                           .detail = c,
                           .count = UINT64_MAX};
      const Parsed line = check_line(event, time);
      check_text(line, "name", a);
      check_text(line, "type", b);
      check_text(line, "detail", c);
      break;
    }
    case 2: {
      const DenyPacket event{.address = address,
                             .port = 443,
                             .protocol = number,
                             .icmp_type = number,
                             .uid = UINT32_MAX,
                             .name = c,
                             .why = b,
                             .count = number};
      const Parsed line = check_line(event, time);
      check_text(line, "name", c);
      check_text(line, "why", b);
      HOLDS(inet::IpAddress::parse(line["address"].get<std::string>()).value() == address);
      break;
    }
    case 3: {
      std::vector<GrantedPorts> ports;
      for (size_t i = 0; i + 4 < b.size(); i += 4)
        ports.push_back({static_cast<uint8_t>(b[i]), static_cast<uint16_t>(b[i + 1] * 257),
                         static_cast<uint16_t>(b[i + 2] * 129)});
      const Parsed line = check_line(Allow{.name = a, .ports = ports}, time);
      check_text(line, "name", a);
      HOLDS(line["ports"].size() == ports.size() ||
            (line["ports"].size() <= ports.size() + 1 && line["ports"].back() == "…"));
      break;
    }
    case 4: {
      const Parsed line =
          check_line(Tampering{.what = a, .process = number, .program = b, .response = {}}, time);
      check_text(line, "what", a);
      check_text(line, "program", b);
      break;
    }
    case 5:
      check_text(check_line(Probe{.probe = a, .outcome = {}, .detail = b}, time), "detail", b);
      break;
    case 6:
      check_text(check_line(UpstreamFailure{.name = a, .why = b, .count = 1}, time), "why", b);
      break;
    default:
      check_text(check_line(Exited{.status = number, .reason = a}, time), "reason", a);
  }
  return 0;
}
