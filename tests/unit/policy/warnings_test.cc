#include "ostiary/policy/warnings.h"

#include <string>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "variables.h"

using namespace ostiary::policy;

namespace {

std::string warnings_of(std::string_view list) {
  std::string text;
  for (const std::string& warning : find_warnings(parse_list(list, "--allow", variables()).value()))
    text += warning + "\n";
  return text;
}

std::string refusal(std::string_view entry) {
  const auto rules = parse_entry(entry, "--allow", variables());
  return rules ? "allowed" : rules.error().message;
}

}  // namespace

TEST_SUITE("policy/warnings") {
  TEST_CASE("warns of each rule that covers a resolver with DNS over HTTPS") {
    for (const char* rule :
         {"dns.google", "cloudflare-dns.com", "mozilla.cloudflare-dns.com", "dns.quad9.net",
          "doh.opendns.com", "dns.nextdns.io", "*.cloudflare-dns.com", "*.quad9.net:853", "*.opendns.com",
          "*.nextdns.io", "8.8.8.8", "1.1.1.0/24:443/udp", "[2606:4700::/32]", "[2001:4860:4860::8888]"})
      CHECK_MESSAGE(warnings_of(rule).contains("DNS over HTTPS"), rule);
    CHECK(warnings_of("*.cloudflare-dns.com") ==
          "*.cloudflare-dns.com:443/tcp (--allow) covers chrome.cloudflare-dns.com, which answers DNS over "
          "HTTPS: queries that the agent sends there bypass the gate; leave it out\n");
    CHECK(warnings_of("dns.google,*.quad9.net").contains("dns.google:443"));
    CHECK(warnings_of("dns.google,*.quad9.net").contains("*.quad9.net:443"));
  }

  TEST_CASE("gives no warning for similar names") {
    CHECK(warnings_of("google.com,*.google.com:80,api.nextdns.io,quad9.net,8.8.7.0/24,[2606:4800::/32]")
              .find("dns64") == std::string::npos);
    CHECK(warnings_of("api.nextdns.io,quad9.net,8.8.7.0/24,[2606:4800::/32],xdns.google").empty());
  }

  TEST_CASE("warns of networks that together cover more than a sixteenth of the Internet") {
    CHECK(warnings_of("0.0.0.0/1,128.0.0.0/1")
              .contains("(the widest is 0.0.0.0/1) cover 100% of the IPv4 internet"));
    CHECK(warnings_of("16.0.0.0/4,32.0.0.0/8").contains("cover 7% of the IPv4 internet"));
    CHECK(warnings_of("[2000::/4]").contains("cover 50% of the IPv6 internet"));
    CHECK(warnings_of("[::/1]").contains("cover 100% of the IPv6 internet"));
    CHECK(warnings_of("[2000::/8]:443,[2100::/8]:22,[2200::/8]:1,[3000::/8]:1")
              .contains("cover 13% of the IPv6"));
  }

  TEST_CASE("counts no address twice, and only Internet addresses") {
    CHECK(warnings_of("16.0.0.0/4,16.0.0.0/5,16.1.0.0/16:22,17.0.0.0/8:1").empty());
    CHECK(warnings_of("10.0.0.0/8,192.168.0.0/16,172.16.0.0/12").empty());
    CHECK(warnings_of("[fc00::/7],[fe80::/10]").empty());
    CHECK(warnings_of("16.0.0.0/4:22,16.0.0.0/4:443").empty());
  }

  TEST_CASE("warns of a wildcard over names of a provider's customers") {
    CHECK(warnings_of("*.github.io").contains("any customer of github.io"));
    CHECK(warnings_of("*.s3.amazonaws.com").contains("any customer of s3.amazonaws.com"));
    for (const char* above :
         {"*.amazonaws.com", "*.core.windows.net", "*.blob.core.windows.net", "*.fastly.net"})
      CHECK_MESSAGE(warnings_of(above).contains("any customer of"), above);
    for (const char* any_address : {"*.nip.io", "*.sslip.io"})
      CHECK_MESSAGE(warnings_of(any_address).contains("that their asker chooses"), any_address);
    CHECK(warnings_of("*.bedrock-runtime.eu-west-1.amazonaws.com").empty());
    CHECK(warnings_of("me.github.io,*.me.github.io,*.example.com").empty());
    CHECK(warnings_of("preset:github").empty());
  }

  TEST_CASE("warns of a host that may be meant as a preset or a port") {
    CHECK(warnings_of("github").contains("did you mean \"preset:github\"?"));
    CHECK(warnings_of("example.com:8080,https").contains("write a port as a number, 443"));
    CHECK(warnings_of("example.com:443/both,tls") ==
          "\"tls\" (--allow) is taken for a host: write an entry for each protocol, like "
          "\"example.com:443/tls\"\n");
    CHECK(warnings_of("db,github.com,https.example.com").empty());
  }

  TEST_CASE("warns of a rule that opens without a name what another asks a name for") {
    CHECK(warnings_of("a.example:8443,a.example:8443/tls") ==
          "a.example:8443/tcp (--allow) takes the check of names from a.example:8443/tls (--allow): take out "
          "what "
          "you do not need\n");
    CHECK(warnings_of("a.example:80,a.example:80/raw").contains("from a.example:80/tcp (--allow):"));
    CHECK(warnings_of("preset:github,*.github.com:443/raw")
              .contains("*.github.com:443/raw (--allow) takes the check of names from api.github.com:443/tcp "
                        "(preset:github (--allow)) and "));
    CHECK(warnings_of("*.a.example,*.b.a.example,*.a.example:443/raw").contains("and 1 more"));
  }

  TEST_CASE("gives no such warning where the name is asked for still") {
    for (const char* rules :
         {"a.example,b.example:443/raw", "a.example:443,a.example:22", "a.example,a.example:443/udp",
          "a.example:443/tls,a.example:443/http", "*.a.example,b.a.example:443/raw",
          "a.example,*.a.example:443/raw", "a.example:443/raw,192.0.2.7",
          "a.example:443/tls,a.example:80/raw", "example.com,*.badexample.com:443/raw"})
      CHECK_MESSAGE(warnings_of(rules) == "", rules);
  }

  TEST_CASE("a wildcard over a public suffix is refused, with what to write instead") {
    CHECK(refusal("*.co.uk") ==
          "\"*.co.uk\" would allow every domain that is registered under \"co.uk\"; name the domain as well, "
          "like \"*.example.co.uk\"");
    for (const char* entry :
         {"*.com.cn", "*.xn--55qx5d.cn", "*.kawasaki.jp", "*.ac.jp:22", "*.CO.UK", "*.foo.ck"})
      CHECK_MESSAGE(refusal(entry).contains("registered under"), entry);
    for (const char* entry :
         {"*.example.co.uk", "co.uk", "*.corp.internal", "*.svc.cluster.local", "*.lab.example",
          "*.amazonaws.com", "*.10.in-addr.arpa", "*.in-addr.arpa", "*.www.ck", "*.city.kawasaki.jp"})
      CHECK_MESSAGE(refusal(entry) == "allowed", entry);
  }

  TEST_CASE("an entry is not repeated if a comma could have split a password") {
    for (const char* text :
         {"user:hun,ter2@a.example", "https://user:hun,ter2@a.example", "user:hunter2@a.example"}) {
      const auto rules = parse_list(text, "OSTIARY_ALLOW", variables());
      REQUIRE(!rules);
      CHECK_MESSAGE((!rules.error().message.contains("hun") && !rules.error().message.contains("ter2")),
                    text);
      const auto inbound = parse_inbound(text, "OSTIARY_ALLOW_INBOUND");
      REQUIRE(!inbound);
      CHECK_MESSAGE((!inbound.error().message.contains("hun") && !inbound.error().message.contains("ter2")),
                    text);
    }
  }
}
