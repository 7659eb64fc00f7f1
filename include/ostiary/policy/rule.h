// policy/rule.h: one rule: a host or network that the agent may reach, the ports, and the reason.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "ostiary/base/result.h"
#include "ostiary/inet/destination.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/inet/port_set.h"
#include "ostiary/inet/prefix.h"
#include "ostiary/inet/url.h"

namespace ostiary::policy {

// Every name below the suffix, at any depth, but not the suffix itself.
struct Wildcard {
  inet::HostName suffix;
  auto operator<=>(const Wildcard&) const = default;
};

// The DNS record types that a rule allows besides A and AAAA, which are always allowed. HTTPS, SVCB
// and ANY cannot be allowed: they can contain addresses that the gate does not admit.
class RecordTypes {
 public:
  // Adds a type by its name, such as "TXT", in upper or lower case.
  Result<> add(std::string_view name);
  void add(RecordTypes other) { mask_ |= other.mask_; }
  bool empty() const { return mask_ == 0; }
  // `type` is the number on the wire.
  bool contains(uint16_t type) const;
  // "TXT,MX"
  std::string text() const;
  auto operator<=>(const RecordTypes&) const = default;

 private:
  uint32_t mask_ = 0;
};

using Subject = std::variant<inet::HostName, Wildcard, inet::Prefix>;

enum class Protocol : uint8_t { tcp = 1, udp = 2, both = 3 };

// Whether an answer may contain addresses that are not on the public internet (inet/special.h).
enum class Answers : uint8_t { public_only, private_too };

// Whether a host that does not resolve ends the boot.
enum class Need : uint8_t { optional, required };

// On which ports each flow to the host names it in one way, in TLS or in HTTP: on the port of that protocol unless the
// rule says otherwise.
enum class Named : uint8_t { by_port, everywhere, nowhere };

inline constexpr uint16_t default_port = 443;
inline constexpr uint16_t tls_port = 443;
inline constexpr uint16_t http_port = 80;

struct Rule {
  Subject subject;
  inet::PortSet ports = inet::PortSet(default_port);
  Protocol protocol = Protocol::tcp;
  Answers answers = Answers::public_only;
  Named tls = Named::by_port;   // in a ClientHello
  Named http = Named::by_port;  // in each request
  RecordTypes types = {};
  Need need = Need::optional;
  // The origin of the rule: "policy.json line 12", "--allow", "ANTHROPIC_BASE_URL".
  std::string reason;
};

// Of a host that a URL names.
Named tls_of(inet::Scheme scheme);

// That host alone: its name, or its address as a network of one.
Subject subject_of(const inet::Host& host);

// "api.example.com", "*.example.com", "10.1.2.0/24"
std::string text(const Subject& subject);
std::string_view text(Protocol protocol);
// The TCP ports on which the rule opens no flow that does not name the host in TLS, or in HTTP. None of a network, which
// has no name.
inet::PortSet named_in_tls(const Rule& rule);
inet::PortSet named_in_http(const Rule& rule);

// The rule in its written form: "*.example.com:22,443/tcp", "[2001:db8::/32]:443/tcp", "example.com:8443/tls",
// "example.com:8080/http", "ssh.example.com:443/raw"
std::string text(const Rule& rule);

}  // namespace ostiary::policy
