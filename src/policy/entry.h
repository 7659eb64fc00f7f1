// policy/entry.h: parsers that entries and the objects of a policy file share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// Reads "example.com", "*.example.com", "10.0.0.0/8" or "2001:db8::/32". IPv6 has no brackets here.
Result<Subject> parse_subject(std::string_view text);
// Reads "tcp", "udp" or "both", in upper or lower case.
Result<Protocol> parse_protocol(std::string_view text);
// What may follow the slash of an entry: a protocol, or "tls", "http" or "raw", which are TCP.
struct ProtocolWord {
  Protocol protocol = Protocol::tcp;
  Named tls = Named::by_port;
  Named http = Named::by_port;
};
std::optional<ProtocolWord> parse_protocol_word(std::string_view text);

// Of a rule that names no port.
uint16_t default_port_of(const Rule& rule);

// The fault of the ports, for an error: "the port "https", which is not a port …". `quoted` is
// their text.
std::string port_error(std::string_view quoted, const Error& error);

// The entries of a text with commas between them. A port after a comma belongs to the entry before
// it, if that entry has ports.
std::vector<std::string> split_entries(std::string_view text);
// Whether the text is only ports: "443", "8000-8010", "443/udp".
bool is_nothing_but_ports(std::string_view piece);

}  // namespace ostiary::policy
