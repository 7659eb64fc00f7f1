// policy/parse.h: parses the written form of rules.
//   "api.example.com"  "*.example.com:443"  "git.example.com:22,443"  "10.1.2.0/24:5432/tcp"
//   "[2001:db8::/32]:443"  "preset:github"  "example.com:8443/tls"  "example.com:8080/http"  "ssh.example.com:443/raw"
//   {"host": "db.example.com", "ports": [5432], "protocol": "tcp", "private": true}
// - The defaults are 443/tcp, public addresses only, and record types A and AAAA only.
// - "/tls": TCP, and each flow names the host in TLS. "/http": in each HTTP request. "/raw": TCP, and none does.
// - An error names the entry, what is wrong and what to write instead. It never repeats an entry
//   that may hold a password.
#pragma once

#include <string_view>
#include <vector>

#include "ostiary/config/located_json.h"
#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// Parses one entry. A preset expands to several rules, and their reason begins with the preset. The
// caller adds the place to an error.
Result<std::vector<Rule>> parse_entry(std::string_view entry, std::string_view reason,
                                      const Lookup& variable);

// Parses entries that are separated by commas. A comma also separates ports: a piece of only ports
// belongs to the entry before it, if that entry has ports ("a:22,443,b" is "a:22,443" and "b").
// Empty pieces are skipped.
Result<std::vector<Rule>> parse_list(std::string_view text, std::string_view reason, const Lookup& variable);

// Parses the "allow" array of a policy file. Errors begin with the line. The reasons are
// "<file> line N".
Result<std::vector<Rule>> parse_allow(const config::Node& allow, std::string_view file,
                                      const Lookup& variable);

// Parses the services of this host that accept connections from outside, separated by commas: "22",
// "5353/udp", "[fdaa::/16]:22", "10.1.0.0/16:22/tcp". The subjects of the rules are networks. An
// entry without a network means all of IPv4 and of IPv6. The default protocol is TCP.
Result<std::vector<Rule>> parse_inbound(std::string_view text, std::string_view reason);

}  // namespace ostiary::policy
