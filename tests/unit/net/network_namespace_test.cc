#include "ostiary/net/network_namespace.h"

#include <doctest/doctest.h>

#include "net/hosts.h"

using namespace ostiary::net;
using ostiary::platform::Place;

TEST_SUITE("net/network_namespace") {
  TEST_CASE("the machine's own network is recognised with any PID") {
    for (const InitProcess init : {InitProcess::unknown, InitProcess::ourselves, InitProcess::shares})
      CHECK(decide({Origin::initial, init, Place::unknown}) == NamespaceKind::machine);
  }

  TEST_CASE("a network made later is a container's, with any PID") {
    for (const InitProcess init :
         {InitProcess::unknown, InitProcess::ourselves, InitProcess::shares, InitProcess::differs})
      CHECK(decide({Origin::created, init, Place::unknown}) == NamespaceKind::own);
  }

  TEST_CASE("an unknown network counts as the machine's") {
    CHECK(decide({}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::ourselves, Place::unknown}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::shares, Place::unknown}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::differs, Place::unknown}) == NamespaceKind::own);
  }

  TEST_CASE("a Fly machine counts as a container although it has the kernel's initial network") {
    CHECK(decide({Origin::initial, InitProcess::shares, Place::microvm}) == NamespaceKind::own);
  }

  TEST_CASE("a new namespace is recognised as created") {
    if (!ostiary::test::can_make_hosts()) return;
    const ostiary::test::Host host;
    const ostiary::test::On on(host);
    CHECK(read_namespace_facts(Place::unknown).origin == Origin::created);
  }
}
