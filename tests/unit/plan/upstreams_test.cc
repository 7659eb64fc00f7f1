#include "ostiary/plan/upstreams.h"

#include <string>

#include <doctest/doctest.h>

#include "ostiary/upstream/ares_upstream.h"
#include "outcome.h"

using namespace ostiary::plan;
using ostiary::error_of;

namespace {

struct Usable {
  std::string servers;
  std::vector<std::string> warnings;
  std::string error;
};

Usable usable(std::string_view resolv_conf) {
  Usable found;
  const auto left = usable_upstreams(upstreams_of(resolv_conf), found.warnings);
  if (!left) found.error = left.error().message;
  if (left)
    for (const PlannedUpstream& each : *left) found.servers += text(each.server) + " ";
  return found;
}

}  // namespace

TEST_SUITE("plan/upstreams") {
  TEST_CASE("a link-local server that cannot be asked is skipped with a warning if there is another") {
    for (const std::string bad : {"fe80::1", "fe80::1%../x", "fe80::1%", "2001:db8::1%eth0"}) {
      const Usable found = usable("nameserver " + bad + "\nnameserver 192.0.2.53\n");
      CHECK_MESSAGE(found.servers == "192.0.2.53:53 ", bad);
      REQUIRE(found.warnings.size() == 1);
      CHECK(found.warnings[0].starts_with("/etc/resolv.conf: the server "));
      CHECK(found.warnings[0].ends_with(": it is not asked"));
    }
  }

  TEST_CASE("a link-local server with an interface is asked if c-ares can") {
    const Usable found = usable("nameserver fe80::1%eth0\nnameserver 192.0.2.53\n");
    const bool can =
        ostiary::upstream::AresUpstream::can_reach(ostiary::upstream::parse_server("fe80::1%eth0").value());
    CHECK(found.servers == (can ? "[fe80::1%eth0]:53 192.0.2.53:53 " : "192.0.2.53:53 "));
    CHECK(found.warnings.size() == (can ? 0 : 1));
  }

  TEST_CASE("if no server is left, the error names the flag") {
    const Usable found = usable("nameserver fe80::1\n");
    CHECK(found.error.starts_with("/etc/resolv.conf: the server "));
    CHECK(found.error.ends_with("name another with --upstream"));
    CHECK(usable("").error.empty());
  }

  TEST_CASE("a setting that could contain a password is not repeated") {
    for (const char* text :
         {"user:hunter2@192.0.2.53", "https://user:hun,ter2@dns.example", "hun,ter2@192.0.2.53"}) {
      const auto refused = parse_upstreams({text, "OSTIARY_UPSTREAM"});
      CHECK(error_of(refused) ==
            "OSTIARY_UPSTREAM: holds a URL or an @: write servers' addresses, like "
            "192.0.2.53,[2001:db8::53]:5353");
    }
  }
}
