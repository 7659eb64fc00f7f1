// plan/made_up.h: the plan for an invented container.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ostiary/plan/plan.h"
#include "telemetry/made_up.h"

namespace ostiary::plan {

inline const confine::Identity root{
    .uid = 0, .gid = 0, .groups = {0}, .name = "root", .home = "/root", .shell = "/bin/bash"};
inline const confine::Identity node{
    .uid = 1000, .gid = 1000, .groups = {27, 1000}, .name = "node", .home = "/home/node", .shell = "/bin/sh"};

inline constexpr net::Reachable everywhere{.ipv4 = net::Reach::global, .ipv6 = net::Reach::global};

inline Result<Plan> plan_for(const config::Config& config, std::vector<std::string> command = {},
                             const confine::Identity& identity = node,
                             const net::Reachable& reach = everywhere) {
  return make_plan(config, std::move(command),
                   {.identity = identity,
                    .supports_domains = true,
                    .current_directory = "/here",
                    .facts = {},
                    .resolv_conf = {},
                    .reach = reach});
}

inline Result<Plan> plan_of(const config::MadeUp& container, std::vector<std::string> command = {},
                            const confine::Identity& identity = node,
                            const net::Reachable& reach = everywhere) {
  return plan_for(config::good_config(container), std::move(command), identity, reach);
}

// For a container without errors.
inline Plan good_plan(const config::MadeUp& container, std::vector<std::string> command = {},
                      const confine::Identity& identity = node, const net::Reachable& reach = everywhere) {
  auto plan = plan_of(container, std::move(command), identity, reach);
  REQUIRE_MESSAGE(plan, error_of(plan));
  return *std::move(plan);
}

// Without a relay: the agent sends its telemetry by itself, and has the credentials.
inline Plan direct_plan(const config::MadeUp& container, std::vector<std::string> command = {}) {
  config::Config config = config::good_config(container);
  config.relay = config::RelaySwitch::off;
  auto plan = plan_for(config, std::move(command));
  REQUIRE_MESSAGE(plan, error_of(plan));
  return *std::move(plan);
}

}  // namespace ostiary::plan
