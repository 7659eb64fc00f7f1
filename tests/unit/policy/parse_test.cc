#include "ostiary/policy/parse.h"

#include <string>

#include <doctest/doctest.h>

#include "variables.h"

using namespace ostiary::policy;
using ostiary::config::parse_located;

namespace {

std::string joined(const ostiary::Result<std::vector<Rule>>& rules) {
  if (!rules) return rules.error().message;
  std::string written;
  for (const Rule& rule : *rules) written += (written.empty() ? "" : " ") + text(rule);
  return written;
}

std::string entry(std::string_view text) {
  return joined(parse_entry(text, "--allow", variables()));
}
std::string list(std::string_view text) {
  return joined(parse_list(text, "OSTIARY_ALLOW", variables()));
}

ostiary::Result<std::vector<Rule>> allow(std::string_view json) {
  const auto node = parse_located(json);
  REQUIRE(node);
  return parse_allow(*node, "policy.json", variables());
}

}  // namespace

TEST_SUITE("policy/parse") {
  TEST_CASE("reads hosts, wildcards, addresses and networks with ports and protocol") {
    CHECK(entry("api.Anthropic.com") == "api.anthropic.com:443/tcp");
    CHECK(entry("preset.:22") == "preset.:22/tcp");
    CHECK(entry("*.example.com:443") == "*.example.com:443/tcp");
    CHECK(entry("git.example.com:22,443") == "git.example.com:22,443/tcp");
    CHECK(entry("10.1.2.0/24:5432/tcp") == "10.1.2.0/24:5432/tcp");
    CHECK(entry("[2001:db8::/32]:443") == "[2001:db8::/32]:443/tcp");
    CHECK(entry("[2001:db8::1]") == "[2001:db8::1]:443/tcp");
    CHECK(entry("192.0.2.7") == "192.0.2.7:443/tcp");
    CHECK(entry("192.0.2.0/24/udp") == "192.0.2.0/24:443/udp");
    CHECK(entry("example.com/both") == "example.com:443/both");
    CHECK(entry("time.example.com:123/udp") == "time.example.com:123/udp");
    CHECK(entry("a.example:8000-8010,9000") == "a.example:8000-8010,9000/tcp");
    CHECK(entry("localhost:80") == "localhost:80/tcp");
  }

  TEST_CASE("a written rule reads back the same") {
    for (const char* text :
         {"*.a.example:1-9,443/both", "[2001:db8::/32]:53/udp", "10.0.0.0/8:22/tcp", "a.example:443/tcp",
          "a.example:8443/tls", "*.a.example:22,443/tls", "a.example:443/raw", "*.a.example:1-9,443/raw"})
      CHECK(entry(text) == text);
  }

  TEST_CASE("a rule is written with /tls or /raw where its ports do not say so") {
    CHECK(entry("a.example/tls") == "a.example:443/tcp");
    CHECK(entry("a.example:22/raw") == "a.example:22/tcp");
    CHECK(entry("a.example/raw") == "a.example:443/raw");
    CHECK(entry("a.example/http") == "a.example:80/tcp");
    CHECK(entry("a.example:443,8443/TLS") == "a.example:443,8443/tls");
    CHECK(entry("a.example:80/http") == "a.example:80/tcp");
    CHECK(entry("a.example:80,8080/HTTP") == "a.example:80,8080/http");
    CHECK(entry("a.example:443/http") == "a.example:443/http");
    CHECK(entry("a.example:80/raw") == "a.example:80/raw");
    CHECK(list("a.example:22,443/raw,b.example:8443/tls,c.example") ==
          "a.example:22,443/raw b.example:8443/tls c.example:443/tcp");
  }

  TEST_CASE("no flow names an address") {
    CHECK(entry("192.0.2.7:443/tls") ==
          R"("192.0.2.7:443/tls" has "tls" after its /, and no flow names an address: write /tcp)");
    CHECK(entry("[2001:db8::/32]:443/raw").ends_with("no flow names an address: write /tcp"));
    CHECK(entry("192.0.2.7:80/http").ends_with("no flow names an address: write /tcp"));
  }

  TEST_CASE("the error says what is wrong with an entry and what to write instead") {
    CHECK(entry("") == "an entry is empty; write a host, like \"api.example.com:443\"");
    CHECK(entry("*") == "\"*\" would allow everything; name the hosts, or run without the gate (--gate off)");
    CHECK(entry("*.com") ==
          "\"*.com\" would allow every name under \"com\"; name the domain as well, like "
          "\"*.example.com\"");
    CHECK(entry("a.*.example.com").ends_with("write it like \"*.example.com\""));
    CHECK(entry("*example.com").contains("is not its whole first label"));
    CHECK(entry("*.*.example.com").contains("is not its whole first label"));
    CHECK(entry("*.").contains("would allow everything"));
    CHECK(entry("https://api.example.com/v1") ==
          "an entry is a URL; write its host: \"api.example.com:443\"");
    CHECK(entry("10.1.2.3/24").contains("write 10.1.2.0/24 or 10.1.2.3/32"));
    CHECK(entry("0.0.0.0/0").contains("would allow every address"));
    CHECK(entry("[::/0]").contains("would allow every address"));
    CHECK(entry("2001:db8::1").contains("\"[2001:db8::1]:443\""));
    CHECK(entry("preset:gihub") == "unknown preset \"gihub\": did you mean \"preset:github\"?");
    CHECK(entry("a.example:99999").ends_with("has the port \"99999\", which is not a port from 1 to 65535"));
  }

  TEST_CASE("quotes the part that is wrong") {
    CHECK(entry("github.com/anthropics") ==
          R"("github.com/anthropics" has a path, and a path cannot be a rule: write "github.com")");
    CHECK(entry("github.com/anthropics/claude-code")
              .ends_with(R"(a path cannot be a rule: write "github.com")"));
    CHECK(
        entry("a.example:443/icmp")
            .contains(
                R"(has "icmp" after its /, which is not tcp, udp, both, tls, http or raw: write it like "example.com:443/udp")"));
    CHECK(entry("a.example:443/tsl").ends_with(R"(write it like "example.com:443/tls")"));
    CHECK(entry("a.example:443/HTTPS").ends_with(R"(write it like "example.com:443/tls")"));
    CHECK(entry("a.example:https").contains(R"(has the port "https", which)"));
    CHECK(entry(":443") == R"(":443" has no host; write it like "example.com:443")");
    CHECK(entry("bücher.example").contains("write its xn-- form"));
    CHECK_FALSE(entry("user:hunter2@a.example").contains("hunter2"));
    CHECK_FALSE(entry("user/hunter2@a.example").contains("hunter2"));
  }

  TEST_CASE("says where the protocol belongs, and that there is one") {
    CHECK(
        entry("a.example:8443/tls/udp") ==
        R"("a.example:8443/tls/udp" has two protocols: write an entry for each, like "a.example:8443/tls")");
    CHECK(entry("a.example/tls/raw").ends_with(R"(write an entry for each, like "a.example/tls")"));
    CHECK(entry("a.example/tls:8443") ==
          R"("a.example/tls:8443" has its ports behind the protocol: write "a.example:8443/tls")");
    CHECK(entry("a.example/tls/path")
              .ends_with(R"(has a path, and a path cannot be a rule: write "a.example")"));
  }

  TEST_CASE("names the character that no host has, and what to write instead") {
    CHECK(
        entry("a.example.com, b.example.com") ==
        R"("a.example.com, b.example.com" has a comma: write two entries, "a.example.com" and "b.example.com")");
    CHECK(entry("a.example.com:22,b.example.com:443")
              .ends_with(R"(has a comma: write two entries, "a.example.com:22" and "b.example.com:443")"));
    CHECK(entry("a.example b.example")
              .ends_with(R"(has a space: write two entries, "a.example" and "b.example")"));
    CHECK(entry("a.example b.example, c.example")
              .ends_with("has a space: write each host as an entry of its own"));
    CHECK(list("a b") == R"("a b" has a space: write two entries, "a" and "b")");
    CHECK(entry(" example.com ") == R"(" example.com " has a space: write "example.com")");
    CHECK(entry("a.example:22, 443") == R"("a.example:22, 443" has a space: write "a.example:22,443")");
    CHECK(entry("a.example: 443").ends_with(R"(write "a.example:443")"));
    CHECK(entry("a.example :443 / tls").ends_with(R"(write "a.example:443/tls")"));
    CHECK(entry("${HOST}") == R"("${HOST}" has a "$": variables are not replaced, so write the host itself)");
    CHECK(entry("a!b.example") ==
          R"("a!b.example" has a "!", which is not a letter, digit, hyphen or underscore)");
    CHECK(entry("a\tb.example").contains("has a tab"));
    CHECK(entry("git@github.com") == R"("git@github.com" has an @: write "github.com:22")");
    CHECK(entry("git@github.com:owner/x.git") == R"("git@github.com" has an @: write "github.com:22")");
    CHECK(list("a.example,git@github.com") == R"("git@github.com" has an @: write "github.com:22")");
    for (const char* text :
         {"hunter2@a.example", "git@hunter2", "git@hunter2@a.example", "git@a.example/hunter2"})
      for (const std::string& error : {entry(text), list(text)})
        CHECK_MESSAGE((error.contains("host:22") || error.contains(":22\"")), error);
    CHECK_FALSE(entry("hunter2@a.example").contains("hunter2"));
    CHECK_FALSE(list("a,hunter2@a.example").contains("hunter2"));
    CHECK_FALSE(entry("git@hunter2@a.example").contains("hunter2"));
    CHECK_FALSE(entry("git@a.example/hunter2").contains("hunter2"));
  }

  TEST_CASE("names the rule that was probably meant") {
    CHECK(entry(".example.com") ==
          R"(".example.com" begins with a dot: write "*.example.com" for the names below it)");
    CHECK(entry(".example.com:22").ends_with(R"(write "*.example.com:22" for the names below it)"));
    CHECK(entry("example.com:*") ==
          R"("example.com:*" has a * as its port: write each port, or a range like 8000-8099)");
    CHECK(entry("10.1.2.300") ==
          R"("10.1.2.300" ends in a number but is not an IP address: 300 is larger than 255)");
    CHECK(entry("10.1.300.0/24").ends_with("300 is larger than 255"));
  }

  TEST_CASE("a protocol may be in capitals") {
    CHECK(parse_entry("a.example:443/UDP", "--allow", variables())->front().protocol == Protocol::udp);
  }

  TEST_CASE("refuses everything that is not a rule") {
    for (const char* text : {" ",
                             "a b",
                             "-a.com",
                             "a..b",
                             "a.example:",
                             "a.example:0",
                             "a.example:22,",
                             "a.example:x",
                             "a.example/",
                             "a.example/path",
                             "a.example:443/icmp",
                             "/tcp",
                             ":443",
                             "127.1",
                             "0x7f000001",
                             "[a.example]",
                             "[192.0.2.1]",
                             "[2001:db8::1",
                             "[2001:db8::1]443",
                             "2001:db8::/32",
                             "*.0",
                             "*.example.1",
                             "preset:",
                             "preset:github:443",
                             "PRESET:github",
                             "a.example\n",
                             "bücher.example",
                             "*.127.0.0.1",
                             "."})
      CHECK_MESSAGE(!parse_entry(text, "--allow", variables()), text);
  }

  TEST_CASE("never repeats an entry that may hold a password") {
    for (const char* text : {"https://user:hunter2@a.example", "user:hunter2@a.example",
                             "hunter2@a.example:22", "ftp://hunter2", "https://a.example:hunter2/"})
      CHECK_MESSAGE(!entry(text).contains("hunter2"), entry(text));
  }

  TEST_CASE("a preset's rules have the preset and its source as their reason") {
    const auto rules = parse_entry("preset:npm", "--allow", variables());
    REQUIRE(rules->size() == 1);
    CHECK(rules->front().reason == "preset:npm (--allow)");
    CHECK(parse_entry("a.example", "--allow", variables())->front().reason == "--allow");
  }

  TEST_CASE("a comma separates entries, and the ports of an entry") {
    CHECK(list("") == "");
    CHECK(list("a.example") == "a.example:443/tcp");
    CHECK(list("a.example:22,443,b.example") == "a.example:22,443/tcp b.example:443/tcp");
    CHECK(list(" a.example:22, 8000-8010/udp ,, b.example,") ==
          "a.example:22,8000-8010/udp b.example:443/tcp");
    CHECK(list("[2001:db8::1]:22,443,preset:npm") == "[2001:db8::1]:22,443/tcp *.npmjs.org:443/tcp");
    CHECK(list("a.example,443") == "\"443\" is a port without a host; write it like \"example.com:443\"");
    CHECK(list("[2001:db8::1],443").contains("is a port without a host"));
    CHECK(list("a.example:22/tcp,443").contains("is a port without a host"));
    CHECK(list("preset:npm,443").contains("is a port without a host"));
    CHECK(list("a.example:22,0").contains("is not a port"));
    CHECK(list("a.example,*").contains("would allow everything"));
  }

  TEST_CASE("reads the allow array of a policy file") {
    const auto rules = allow(R"([
      "a.example:22",
      {"host": "*.db.example", "ports": [5432, "6000-6010"], "protocol": "both", "private": true,
       "types": ["TXT", "srv", "A"]},
      {"host": "must.example", "required": true, "ports": 8443},
      {"host": "2001:db8::/32", "ports": "22,443"},
      {"host": "a.example", "ports": 8443, "tls": true},
      {"host": "*.a.example", "ports": [22, 443], "tls": false}
    ])");
    REQUIRE_MESSAGE(rules, joined(rules));
    CHECK(
        joined(rules) ==
        "a.example:22/tcp *.db.example:5432,6000-6010/both must.example:8443/tcp [2001:db8::/32]:22,443/tcp "
        "a.example:8443/tls *.a.example:22,443/raw");
    CHECK((*rules)[0].reason == "policy.json line 2");
    CHECK((*rules)[0].answers == Answers::public_only);
    CHECK((*rules)[0].need == Need::optional);
    CHECK((*rules)[1].reason == "policy.json line 3");
    CHECK((*rules)[1].answers == Answers::private_too);
    CHECK((*rules)[1].types.text() == "TXT,SRV");
    CHECK((*rules)[1].types.contains(16));
    CHECK_FALSE((*rules)[1].types.contains(15));
    CHECK((*rules)[2].need == Need::required);
  }

  TEST_CASE("a name in TLS or HTTP is for TCP to a name alone") {
    CHECK(joined(allow(R"([{"host": "10.0.0.1", "tls": true}])")) ==
          R"(line 1: is an address, which no flow names; leave out "tls")");
    CHECK(joined(allow(R"([{"host": "10.0.0.1", "http": true}])")) ==
          R"(line 1: is an address, which no flow names; leave out "http")");
    CHECK(joined(allow(R"([{"host": "a.example", "http": true}, {"host": "b.example", "tls": true}])")) ==
          "a.example:80/tcp b.example:443/tcp");
    CHECK(joined(allow(R"([{"host": "a.example", "protocol": "raw"}])")) ==
          R"(line 1: protocol is "raw": in its place write "tls": false, "http": false)");
    CHECK(joined(allow(R"([{"host": "a.example", "protocol": "icmp"}])")) ==
          R"(line 1: protocol is "icmp", which is not tcp, udp or both)");
    CHECK(joined(allow(R"([{"host": "a.example", "raw": true}])")) ==
          R"(line 1: unknown key "raw": write "tls": false, "http": false)");
    CHECK(joined(allow(R"([{"host": "a.example", "http": true, "tls": true}])")) ==
          R"(line 1: has "tls" and "http", and a port is for one of them; write an object for each)");
    CHECK(joined(allow(R"([{"host": "10.0.0.0/8", "tls": false}])")).ends_with(R"(leave out "tls")"));
    CHECK(joined(allow(R"([{"host": "a.example", "tls": true, "protocol": "udp"}])")) ==
          R"(line 1: has "tls", which is for TCP alone; leave out "tls")");
    CHECK(joined(allow(R"([{"host": "a.example", "tls": false, "protocol": "both"}])")) ==
          R"(line 1: has "tls", which is for TCP alone; write UDP as an object of its own)");
  }

  TEST_CASE("the error names the line in a policy file") {
    CHECK(joined(allow("[\n\"*\"]")).starts_with("line 2: \"*\" would allow everything"));
    CHECK(joined(allow("[\n{\"host\": \"a.example\",\n\"port\": 1}]")) ==
          "line 3: unknown key \"port\": did you mean \"ports\"?");
    CHECK(joined(allow("{}")) == "line 1: allow is an object: write an array");
    CHECK(joined(allow("[\n443]")) ==
          R"(line 2: an entry of allow is a number: write a string like "example.com:443", or an object)");
    CHECK(joined(allow("[\nnull]")).starts_with("line 2: an entry of allow is null: write "));
    CHECK(joined(allow("[{\"host\": \"a.example\", \"ports\": \"https\"}]")) ==
          R"(line 1: ports has the port "https", which is not a port from 1 to 65535: write 443)");
    CHECK(joined(allow("[{\"host\": \"a.example\", \"ports\": [\"*\"]}]")) ==
          "line 1: ports has a * as its port: write each port, or a range like 8000-8099");
    CHECK(joined(allow("[{\"host\": \".a.example\"}]")) ==
          R"(line 1: host begins with a dot: write "*.a.example" for the names below it)");
    for (const char* json : {"[\n1]",
                             "[\nnull]",
                             "[\n[]]",
                             "[\n{}]",
                             "[\n{\"host\": \"\"}]",
                             "[\n{\"host\": \"a.example:443\"}]",
                             "[\n{\"host\": 1}]",
                             "[\n{\"host\": \"*\"}]",
                             "[\n{\"host\": \"preset:npm\"}]",
                             "[\n{\"host\": \"a.example\", \"ports\": []}]",
                             "[\n{\"host\": \"a.example\", \"ports\": 0}]",
                             "[\n{\"host\": \"a.example\", \"ports\": [70000]}]",
                             "[\n{\"host\": \"a.example\", \"ports\": \"\"}]",
                             "[\n{\"host\": \"a.example\", \"ports\": [[443]]}]",
                             "[\n{\"host\": \"a.example\", \"ports\": 44.3}]",
                             "[\n{\"host\": \"a.example\", \"protocol\": \"icmp\"}]",
                             "[\n{\"host\": \"a.example\", \"private\": \"yes\"}]",
                             "[\n{\"host\": \"a.example\", \"tls\": \"yes\"}]",
                             "[\n{\"host\": \"a.example\", \"types\": \"TXT\"}]",
                             "[\n{\"host\": \"a.example\", \"types\": [\"TXTT\"]}]",
                             "[\n{\"host\": \"a.example\", \"types\": [\"HTTPS\"]}]",
                             "[\n{\"host\": \"*.a.example\", \"required\": true}]",
                             "[\n{\"host\": \"10.0.0.0/8\", \"types\": [\"TXT\"]}]",
                             "[\n{\"host\": \"10.0.0.1\", \"required\": true}]"}) {
      const auto rules = allow(json);
      REQUIRE_MESSAGE(!rules, json);
      CHECK_MESSAGE(rules.error().message.starts_with("line 2: "), rules.error().message);
      CHECK(rules.error().exit == ostiary::Exit::configuration);
    }
  }
}
