#include "ostiary/inet/destination.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ostiary/base/text.h"

namespace ostiary::inet {

Result<Host> parse_host(std::string_view text) {
  if (auto address = IpAddress::parse(text)) return Host{*address};
  return Host{TRY(HostName::parse(text))};
}

std::string text(const Host& host) {
  return std::visit([](const auto& h) -> std::string { return h.text(); }, host);
}

std::optional<uint16_t> port_of_service(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, uint16_t>, 5> services{
      {{"domain", 53}, {"ftp", 21}, {"http", 80}, {"https", 443}, {"ssh", 22}}};
  const auto* const found = std::ranges::find_if(
      services, [name](const auto& each) { return equal_ignoring_case(each.first, name); });
  return found == services.end() ? std::nullopt : std::optional(found->second);
}

Result<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<uint16_t>(text);
  if (port && *port != 0) return *port;
  const auto meant = port_of_service(text);
  return fail(Exit::configuration,
              "is not a port from 1 to 65535" + (meant ? ": write " + std::to_string(*meant) : ""));
}

std::string text(const Destination& destination) {
  const auto* address = std::get_if<IpAddress>(&destination.host);
  const bool bracketed = address != nullptr && address->family() == Family::ipv6;
  return (bracketed ? "[" + address->text() + "]" : text(destination.host)) + ":" +
         std::to_string(destination.port);
}

}  // namespace ostiary::inet
