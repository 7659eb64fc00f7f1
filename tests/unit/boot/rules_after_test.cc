#include "ostiary/boot/rules_after.h"

#include <doctest/doctest.h>

using namespace ostiary::boot;
using ostiary::config::Scope;
using ostiary::net::NamespaceKind;

namespace {

RulesAtEnd after(NamespaceKind network, BootEnd boot, Left children, Left sessions,
                 Scope scope = Scope::container) {
  Plan plan;
  plan.network = network;
  plan.scope = scope;
  plan.rules_at_end = RulesAtEnd::removed;
  return rules_after(plan, boot, children, sessions);
}

constexpr auto nobody = Left::nobody, somebody = Left::somebody;

}  // namespace

TEST_SUITE("boot/rules_after") {
  TEST_CASE("they go where the network outlives the boot and nobody is left") {
    for (const auto network : {NamespaceKind::machine, NamespaceKind::own})
      CHECK(after(network, BootEnd::complete, nobody, nobody) == RulesAtEnd::removed);
  }

  TEST_CASE("they stay in front of whoever is left, however the boot ended and whose network it is") {
    for (const auto network : {NamespaceKind::machine, NamespaceKind::own})
      for (const auto boot : {BootEnd::failed, BootEnd::complete}) {
        CHECK(after(network, boot, somebody, nobody) == RulesAtEnd::kept);
        CHECK(after(network, boot, nobody, somebody) == RulesAtEnd::kept);
      }
  }

  TEST_CASE("a boot that failed leaves the network denied, but for the machine's own") {
    CHECK(after(NamespaceKind::own, BootEnd::failed, nobody, nobody) == RulesAtEnd::kept);
    CHECK(after(NamespaceKind::machine, BootEnd::failed, nobody, nobody) == RulesAtEnd::removed);
    CHECK(after(NamespaceKind::machine, BootEnd::failed, nobody, nobody, Scope::user) == RulesAtEnd::kept);
  }

  TEST_CASE("what is to be kept is") {
    Plan plan;
    plan.rules_at_end = RulesAtEnd::kept;
    CHECK(rules_after(plan, BootEnd::complete, nobody, nobody) == RulesAtEnd::kept);
  }
}
