#include "ostiary/net/network_namespace.h"

#include <doctest/doctest.h>

#include "net/hosts.h"

using namespace ostiary::net;

TEST_SUITE("net/network_namespace") {
  TEST_CASE("the machine's own network is recognised whatever marker is there") {
    for (const Place place : {Place::unmarked, Place::container})
      for (const InitProcess init : {InitProcess::unknown, InitProcess::ourselves, InitProcess::shares})
        CHECK(decide({Origin::initial, init, place}) == NamespaceKind::machine);
  }

  TEST_CASE("a network made later is ours, be we PID 1 or not") {
    for (const InitProcess init :
         {InitProcess::unknown, InitProcess::ourselves, InitProcess::shares, InitProcess::differs})
      CHECK(decide({Origin::created, init, Place::unmarked}) == NamespaceKind::own);
  }

  TEST_CASE("what cannot be known counts as the machine's") {
    CHECK(decide({}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::ourselves, Place::container}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::shares, Place::container}) == NamespaceKind::machine);
    CHECK(decide({Origin::unknown, InitProcess::differs, Place::unmarked}) == NamespaceKind::own);
  }

  TEST_CASE("a Fly machine is ours although its network is the one the kernel booted with") {
    CHECK(decide({Origin::initial, InitProcess::shares, Place::microvm}) == NamespaceKind::own);
  }

  TEST_CASE("a namespace of our own is read as created") {
    if (!ostiary::test::can_make_hosts()) return;
    const ostiary::test::Host host;
    const ostiary::test::On on(host);
    CHECK(read_namespace_facts(Place::unmarked).origin == Origin::created);
  }
}
