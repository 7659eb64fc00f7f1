#include "ostiary/upstream/server.h"

#include <algorithm>
#include <optional>

#include "ostiary/base/quote.h"
#include "ostiary/inet/destination.h"
#include "ostiary/inet/special.h"

namespace ostiary::upstream {
namespace {

constexpr size_t longest_interface = 15;

bool is_link_local(const inet::IpAddress& address) {
  const auto octets = address.octets();
  return address.family() == inet::Family::ipv6 && octets[0] == 0xfe && (octets[1] & 0xc0U) == 0x80;
}

bool is_not_a_host(const inet::IpAddress& address) {
  const inet::AddressClass reach = inet::classify(address);
  return reach == inet::AddressClass::unspecified || reach == inet::AddressClass::multicast ||
         reach == inet::AddressClass::broadcast;
}

bool is_interface_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

bool is_interface(std::string_view name) {
  return !name.empty() && name.size() <= longest_interface &&
         std::ranges::all_of(name, is_interface_character);
}

std::unexpected<Error> not_a_server(std::string_view text) {
  return fail(Exit::configuration,
              quote(text) +
                  " is not a server's address; write 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or "
                  "[2001:db8::53]:5353");
}

struct Parts {
  std::string_view host;
  std::optional<std::string_view> port;
};

// A port may follow a host in brackets, or a host without a colon.
Parts split(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    const auto host = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (rest.empty()) return {.host = host, .port = {}};
    return rest.starts_with(':') ? Parts{.host = host, .port = rest.substr(1)} : Parts{};
  }
  if (std::ranges::count(text, ':') != 1) return {.host = text, .port = {}};
  const size_t colon = text.find(':');
  return {.host = text.substr(0, colon), .port = text.substr(colon + 1)};
}

}  // namespace

Result<Server> parse_server(std::string_view text) {
  const Parts parts = split(text);
  const size_t percent = parts.host.find('%');
  const auto address = inet::IpAddress::parse(parts.host.substr(0, percent));
  if (!address) return not_a_server(text);
  if (text.starts_with('[') != (address->family() == inet::Family::ipv6) && parts.port)
    return not_a_server(text);
  if (text.starts_with('[') && address->family() != inet::Family::ipv6) return not_a_server(text);

  if (is_not_a_host(*address))
    return fail(Exit::configuration,
                quote(text) + " is not the address of a server; write one like 192.0.2.53");
  Server server;
  server.address = *address;
  if (percent != std::string_view::npos) server.zone = parts.host.substr(percent + 1);
  if (is_link_local(server.address) && !is_interface(server.zone))
    return fail(
        Exit::configuration,
        quote(text) +
            " is link-local and needs the name of its interface, as in fe80::53%eth0, and c-ares 1.24");
  if (!is_link_local(server.address) && percent != std::string_view::npos) return not_a_server(text);
  if (parts.port) {
    auto port = inet::parse_port(*parts.port);
    if (!port) return std::unexpected(std::move(port).error().within("the port of " + quote(text)));
    server.port = *port;
  }
  return server;
}

std::string text(const Server& server) {
  if (server.zone.empty()) return inet::text(inet::Destination{.host = server.address, .port = server.port});
  return "[" + server.address.text() + "%" + server.zone + "]:" + std::to_string(server.port);
}

}  // namespace ostiary::upstream
