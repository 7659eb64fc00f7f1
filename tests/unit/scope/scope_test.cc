#include "ostiary/scope/scope.h"

#include <doctest/doctest.h>

using namespace ostiary;

TEST_SUITE("scope/scope") {
  TEST_CASE("each scope is found by what the user chose, and has the name that the user writes") {
    for (const config::Scope chosen : {config::Scope::container, config::Scope::user})
      CHECK(scope::scope_of(chosen).name == config::text(chosen));
    CHECK(scope::scope_of(config::Scope{}).name == "container");
  }

  TEST_CASE("rules that hold everybody name no user, and others the agent's") {
    CHECK_FALSE(scope::container.only_user(1000));
    CHECK(scope::user.only_user(1000) == 1000);
  }

  TEST_CASE("a scope beside others takes nothing that others use, and holds nobody else") {
    for (const scope::Scope& each : {scope::container, scope::user}) {
      if (!each.leaves_others_behind) continue;
      CHECK_FALSE(each.holds_everybody);
      CHECK_FALSE(each.owns_resolver);
      CHECK_FALSE(each.cuts_off_machine);
    }
  }

  TEST_CASE("a scope that knows packets by the agent's user needs that user for the agent alone") {
    for (const scope::Scope& each : {scope::container, scope::user}) {
      if (each.holds_everybody) continue;
      CHECK(each.needs_lone_user);
      CHECK_FALSE(each.holds_root);
      CHECK(each.inheritable == scope::Inheritable::no_socket);
    }
  }
}
