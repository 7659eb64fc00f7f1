// policy/parse.h: rules as people write them.
//   "api.example.com"  "*.example.com:443"  "git.example.com:22,443"  "10.1.2.0/24:5432/tcp"
//   "[2001:db8::/32]:443" "preset:github"    {"host": "db.example.com", "ports": [5432], "protocol": "tcp",
//   "private": true}
// What is not written is 443/tcp, public addresses only, A and AAAA only. An error says what is wrong with
// which entry and what to write instead; it never repeats an entry that may hold a password.
#pragma once

#include <string_view>
#include <vector>

#include "ostiary/config/located_json.h"
#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// One entry; a preset gives several rules, whose reason is the preset. The caller adds where it stands.
Result<std::vector<Rule>> parse_entry(std::string_view entry, std::string_view reason,
                                      const Lookup& variable);

// Entries in one text, between commas. A comma also separates ports: a piece that is nothing but ports goes
// with the entry before it, if that one names ports ("a:22,443,b" is "a:22,443" and "b"). Empty pieces are
// skipped.
Result<std::vector<Rule>> parse_list(std::string_view text, std::string_view reason, const Lookup& variable);

// The "allow" array of a policy file. Errors begin with the line; the reasons are "<file> line N".
Result<std::vector<Rule>> parse_allow(const config::Node& allow, std::string_view file,
                                      const Lookup& variable);

// Services of this host that accept connections from outside: "22", "5353/udp", "[fdaa::/16]:22",
// "10.1.0.0/16:22/tcp", with commas between them. The subjects are networks: all of IPv4 and of IPv6 where
// the entry names none. The default protocol is TCP.
Result<std::vector<Rule>> parse_inbound(std::string_view text, std::string_view reason);

}  // namespace ostiary::policy
