#include "ostiary/inet/destination.h"

#include "ostiary/base/text.h"

namespace ostiary::inet {

Result<Host> parse_host(std::string_view text) {
  if (auto address = IpAddress::parse(text)) return Host{*address};
  return Host{TRY(HostName::parse(text))};
}

std::string text(const Host& host) {
  return std::visit([](const auto& h) -> std::string { return h.text(); }, host);
}

Result<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<uint16_t>(text);
  if (!port || *port == 0) return fail(Exit::configuration, "is not a port from 1 to 65535");
  return *port;
}

std::string text(const Destination& destination) {
  const auto* address = std::get_if<IpAddress>(&destination.host);
  const bool bracketed = address != nullptr && address->family() == Family::ipv6;
  return (bracketed ? "[" + address->text() + "]" : text(destination.host)) + ":" +
         std::to_string(destination.port);
}

}  // namespace ostiary::inet
