#include "forwards.h"

#include <tuple>
#include <utility>

#include "operators_relays.h"
#include "ostiary/claude/api.h"
#include "ostiary/inet/special.h"
#include "ostiary/telemetry/proxies.h"
#include "rules.h"

namespace ostiary::plan {
namespace {

// Whether the relay can serve the forward. `origin` names what configures it.
Result<> check_forward(const config::Config& config, const relay::Forward& forward,
                       const std::string& origin) {
  const auto& [setting, host_setting] = std::tie(forward.terms.setting, forward.terms.host_setting);
  const auto refuse = [&](const std::string& obstacle, std::string_view cure) {
    return fail(Exit::configuration,
                origin + ": " + obstacle + ": " + std::string(cure) + ", or leave out " + setting);
  };
  if (config.gate == config::GateSwitch::off)
    return refuse("the relay gets its connections from the gate, which is off", "write --gate on");
  for (const std::string_view name : telemetry::proxies)
    if (!config.environment.get(name).empty())
      return refuse(std::string(name) + " is set, and the relay connects directly", "take out the variable");
  // The rules of container scope accept no answer in a flow of the gate that a process of this network sends.
  if (config.scope == config::Scope::container && inet::is_loopback(forward.setup.server.destination.host))
    return refuse(host_setting + " is on loopback, where the agent could stand in for the server",
                  "move the server to another host");
  return {};
}

}  // namespace

Result<std::vector<relay::Forward>> find_forwards(const config::Config& config) {
  std::vector<relay::Forward> forwards;
  if (config.api_relay == config::Choice::yes) {
    const std::string& origin = config.given.at("api_relay").origin;
    auto api = claude::find_api(lookup_in(config));
    if (!api) return std::unexpected(std::move(api).error().within(origin));
    TRY(check_forward(config, *api, origin));
    forwards.push_back(*std::move(api));
  }
  for (size_t i = 0; i < config.relays.size(); ++i) {
    forwards.push_back(TRY(make_forward(config.relays[i], i, config)));
    TRY(check_forward(config, forwards.back(), config.relays[i].origin));
  }
  return forwards;
}

}  // namespace ostiary::plan
