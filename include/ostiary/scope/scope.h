// scope/scope.h: what the scopes of --scope differ in, each difference as a property with a name.
// - No other module asks which scope it is: it asks for the property.
// - nft has the rules. They depend on the scope only in whom they hold: only_user().
// A third scope, a process tree in namespaces of its own, would be one more row here, with its
// value in config::Scope. The steps that make its namespaces would be beside preconditions.h.
// Inside, its rules would be those of `container`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "ostiary/config/config.h"

namespace ostiary::scope {

// Which sockets the agent may inherit as standard input, output or error. The rules are those of
// one network namespace, and may judge a packet by its socket's owner. The agent could connect a
// socket of another process or network elsewhere, and bypass the rules.
enum class Inheritable : uint8_t {
  no_socket,               // but Unix sockets
  sockets_of_this_network  // IP sockets of this network namespace as well
};

struct Scope {
  std::string_view name;  // as the user writes it

  // The rules hold every process of this network, or else the agent's user and no other.
  bool holds_everybody;
  // The rules can tell the packets of a root agent from those of others.
  bool holds_root;
  // The rules judge flows from outside, so that a port must be opened to be reached.
  bool holds_arrivals;

  // The conditions before a rule is loaded: preconditions.h.
  bool cuts_off_machine;  // in the machine's own network, the rules would cut off its operator
  bool needs_lone_user;   // no process of the agent's user may run yet
  Inheritable inheritable;

  // The rules need the kernel to track the connections of both families.
  bool needs_ipv6_tracking;
  // A resolver of this host can be the upstream: the rules leave its own questions alone.
  bool can_ask_this_host;
  // No other process uses resolv.conf and port 53 of loopback: the gate takes both.
  bool owns_resolver;
  // Others go on using the network when ostiary ends.
  bool leaves_others_behind;

  // The user that the rules hold, and no other; nullopt: they hold every process.
  constexpr std::optional<uint32_t> only_user(uint32_t agent) const {
    return holds_everybody ? std::nullopt : std::optional(agent);
  }
};

inline constexpr Scope container{.name = config::text(config::Scope::container),
                                 .holds_everybody = true,
                                 .holds_root = true,
                                 .holds_arrivals = true,
                                 .cuts_off_machine = true,
                                 .needs_lone_user = false,
                                 .inheritable = Inheritable::sockets_of_this_network,
                                 .needs_ipv6_tracking = false,
                                 .can_ask_this_host = false,
                                 .owns_resolver = true,
                                 .leaves_others_behind = false};

inline constexpr Scope user{.name = config::text(config::Scope::user),
                            .holds_everybody = false,
                            .holds_root = false,
                            .holds_arrivals = false,
                            .cuts_off_machine = false,
                            .needs_lone_user = true,
                            .inheritable = Inheritable::no_socket,
                            .needs_ipv6_tracking = true,
                            .can_ask_this_host = true,
                            .owns_resolver = false,
                            .leaves_others_behind = true};

// Else an upstream server of this host could be at the address and port that the gate takes.
static_assert(!container.owns_resolver || !container.can_ask_this_host);
static_assert(!user.owns_resolver || !user.can_ask_this_host);

constexpr const Scope& scope_of(config::Scope chosen) {
  switch (chosen) {
    case config::Scope::container:
      return container;
    case config::Scope::user:
      return user;
  }
  std::unreachable();
}

}  // namespace ostiary::scope
