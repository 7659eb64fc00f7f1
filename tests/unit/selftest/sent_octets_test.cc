#include "selftest/sent_octets.h"

#include <string>

#include <doctest/doctest.h>

#include "net/hosts.h"
#include "nft/client.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::selftest;

TEST_SUITE("selftest/sent_octets") {
  TEST_CASE("IPv4's counters are in the second line of the pair, under their names") {
    CHECK(sent_over_ipv4("TcpExt: A OutOctets\nTcpExt: 1 2\nIpExt: InOctets OutOctets OutMcastOctets "
                         "OutBcastOctets\nIpExt: 5 600 70 8\n") == 678);
    for (const char* broken : {"", "IpExt:", "IpExt: OutOctets\n", "IpExt: OutOctets\nIpExt: 1\n",
                               "IpExt: OutOctets OutMcastOctets OutBcastOctets\nIpExt: 1 x 3\n",
                               "TcpExt: OutOctets OutMcastOctets OutBcastOctets\nTcpExt: 1 2 3\n"})
      CHECK_FALSE(sent_over_ipv4(broken));
  }

  TEST_CASE("each of IPv6's counters has a line") {
    CHECK(sent_over_ipv6("Ip6InOctets \t7\nIp6OutOctets   \t600\nIp6OutMcastOctets \t70\n") == 670);
    for (const char* broken : {"", "Ip6OutOctets 1\n", "Ip6OutOctets x\nIp6OutMcastOctets 1\n",
                               "Ip6OutOctetsX 1\nIp6OutMcastOctets 1\n"})
      CHECK_FALSE(sent_over_ipv6(broken));
  }

  TEST_CASE("a packet increases the counter of its family, and a dropped one increases none") {
    if (!can_make_hosts_as_real_root()) return;
    const Host host;
    const On on(host);
    for (const char* address : {"127.0.0.1", "::1"}) {
      CAPTURE(std::string(address));
      const auto before = read_sent_octets();
      REQUIRE(before);
      CHECK(udp_error(address, 9) == 0);
      const auto after = read_sent_octets();
      REQUIRE(after);
      CHECK((after->ipv4 > before->ipv4) == (address[0] == '1'));
      CHECK((after->ipv6 > before->ipv6) == (address[0] == ':'));
    }
    run("nft 'table inet mine { chain c { type filter hook output priority 0; policy drop\n} \n}'");
    const auto before = read_sent_octets();
    CHECK(udp_error("127.0.0.1", 9) == EPERM);
    CHECK(udp_error("::1", 9) == EPERM);
    CHECK(before == read_sent_octets());
  }
}
