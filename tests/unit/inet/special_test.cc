#include "ostiary/inet/special.h"

#include <initializer_list>

#include <doctest/doctest.h>

using namespace ostiary::inet;

namespace {

void all_are(AddressClass reach, std::initializer_list<const char*> addresses) {
  for (const char* address : addresses) CHECK_MESSAGE(classify(*IpAddress::parse(address)) == reach, address);
}

}  // namespace

TEST_SUITE("inet/special") {
  TEST_CASE("the zero value is not public") {
    CHECK(AddressClass{} != AddressClass::public_internet);
  }

  TEST_CASE("knows the public internet, with the documentation networks in it") {
    all_are(
        AddressClass::public_internet,
        {"1.1.1.1",         "8.8.8.8",        "172.15.255.255", "172.32.0.0",           "192.167.255.255",
         "192.169.0.0",     "100.63.255.255", "100.128.0.0",    "198.17.255.255",       "198.20.0.0",
         "223.255.255.255", "192.0.2.1",      "198.51.100.1",   "203.0.113.1",          "2001:db8::1",
         "2606:4700::1111", "2a00::1",        "3fff::1",        "2001:4860:4860::8888", "64:ff9b::8.8.8.8",
         "::ffff:8.8.8.8"});
  }

  TEST_CASE("knows metadata services, however they are written") {
    all_are(AddressClass::metadata,
            {"169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "100.100.100.200",
             "168.63.129.16", "169.254.0.23", "100.96.0.96", "fd00:a9fe:a9fe::1", "fd00:ec2::254",
             "fd20:ce::254", "192.0.0.192", "169.254.170.2", "fe80::a9fe:a9fe"});
  }

  TEST_CASE("knows private and local networks to their edges") {
    all_are(AddressClass::private_network, {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
                                            "192.168.0.1", "fec0::1", "64:ff9b::10.0.0.1"});
    all_are(AddressClass::loopback, {"127.0.0.1", "127.255.255.255", "::1", "64:ff9b::127.0.0.1"});
    all_are(AddressClass::unspecified, {"0.0.0.0", "0.1.2.3", "::"});
    all_are(AddressClass::link_local, {"169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"});
    all_are(AddressClass::unique_local, {"fc00::1", "fd12:3456::1", "fdff::1"});
    all_are(AddressClass::fly_private, {"fdaa::3", "fdaa:ffff::1"});
    all_are(AddressClass::carrier_nat, {"100.64.0.1", "100.127.255.255"});
  }

  TEST_CASE("knows addresses that no host has") {
    all_are(AddressClass::multicast, {"224.0.0.1", "239.255.255.255", "ff02::1"});
    all_are(AddressClass::broadcast, {"255.255.255.255"});
    all_are(AddressClass::benchmarking, {"198.18.0.1", "198.19.255.255", "2001:2::1"});
    all_are(AddressClass::reserved, {"240.0.0.1", "255.255.255.254", "192.0.0.1", "100::1", "4000::1",
                                     "5f00::1", "::ffff:0:10.0.0.1", "2001:20::1"});
  }

  TEST_CASE("treats IPv4 addresses inside IPv6 addresses as IPv4") {
    all_are(AddressClass::translation,
            {"::10.0.0.1", "::8.8.8.8", "2002:0a00:0001::1", "2001:0:1::1", "64:ff9b:1::1", "192.88.99.1"});
  }
}
