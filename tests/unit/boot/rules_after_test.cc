#include "boot/rules_after.h"

#include <doctest/doctest.h>

using namespace ostiary::boot;
using ostiary::net::NamespaceKind;
using ostiary::plan::Enclosure;
using ostiary::plan::RulesAtEnd;

namespace {

constexpr RemainingProcesses none{
    .children = Remaining::none, .sessions = Remaining::none, .earlier = Remaining::none};

RulesAtEnd after(NamespaceKind network, BootEnd boot, const RemainingProcesses& left,
                 const ostiary::scope::Scope& scope = ostiary::scope::container) {
  Enclosure enclosure;
  enclosure.network = network;
  enclosure.scope = scope;
  enclosure.rules_at_end = RulesAtEnd::removed;
  return rules_after(enclosure, boot, left);
}

}  // namespace

TEST_SUITE("boot/rules_after") {
  TEST_CASE("they are removed if the network outlives the boot and no process is left") {
    for (const auto network : {NamespaceKind::machine, NamespaceKind::own})
      CHECK(after(network, BootEnd::complete, none) == RulesAtEnd::removed);
  }

  TEST_CASE("they stay if a process is left, for any end and any network") {
    for (const auto network : {NamespaceKind::machine, NamespaceKind::own})
      for (const auto boot : {BootEnd::failed, BootEnd::complete}) {
        for (auto each :
             {&RemainingProcesses::children, &RemainingProcesses::sessions, &RemainingProcesses::earlier}) {
          RemainingProcesses left = none;
          left.*each = Remaining::some;
          CHECK(after(network, boot, left) == RulesAtEnd::kept);
        }
      }
  }

  TEST_CASE("a failed boot leaves the network denied, except the machine's own") {
    CHECK(after(NamespaceKind::own, BootEnd::failed, none) == RulesAtEnd::kept);
    CHECK(after(NamespaceKind::machine, BootEnd::failed, none) == RulesAtEnd::removed);
    CHECK(after(NamespaceKind::machine, BootEnd::failed, none, ostiary::scope::user) == RulesAtEnd::kept);
  }

  TEST_CASE("a boot that failed before it loaded rules keeps those of an earlier boot") {
    for (const auto network : {NamespaceKind::machine, NamespaceKind::own})
      CHECK(after(network, BootEnd::failed_before_rules, none) == RulesAtEnd::kept);
  }

  TEST_CASE("processes that were not looked for may be left") {
    CHECK(after(NamespaceKind::own, BootEnd::complete, RemainingProcesses{}) == RulesAtEnd::kept);
  }

  TEST_CASE("--keep-rules always keeps them") {
    Enclosure enclosure;
    enclosure.rules_at_end = RulesAtEnd::kept;
    CHECK(rules_after(enclosure, BootEnd::complete, none) == RulesAtEnd::kept);
  }

  TEST_CASE("the log says why they stay, and how to remove them") {
    CHECK(explain_kept_rules(BootEnd::failed, none, "") ==
          "the rules stay (the boot failed): nft delete table inet ostiary removes them");
    CHECK(explain_kept_rules(BootEnd::complete, none, "a connection lingers") ==
          "the rules stay (a connection lingers): nft delete table inet ostiary removes them");
  }

  TEST_CASE("the log says that remaining processes must be ended first") {
    for (const auto who :
         {&RemainingProcesses::children, &RemainingProcesses::sessions, &RemainingProcesses::earlier}) {
      RemainingProcesses left = none;
      left.*who = Remaining::some;
      CHECK(explain_kept_rules(BootEnd::complete, left, "")
                .ends_with("): end such processes, then nft delete table inet ostiary removes them"));
    }
  }
}
