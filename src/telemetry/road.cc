#include "road.h"

#include <algorithm>
#include <array>

#include "ostiary/base/text.h"
#include "ostiary/inet/special.h"
#include "ostiary/telemetry/authorities.h"
#include "ostiary/telemetry/proxies.h"
#include "source.h"

namespace ostiary::telemetry {
namespace {

using config::Config;
using config::RelaySwitch;

constexpr std::array<std::string_view, 5> of_connection{"COMPRESSION", "CERTIFICATE", "CLIENT_CERTIFICATE",
                                                        "CLIENT_KEY", "INSECURE"};
constexpr std::array<std::string_view, 3> files{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"};
constexpr std::string_view passphrase = "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE";

bool has_credential(const On& on) {
  const auto has_headers = [](const Route& route) { return !route.headers.empty(); };
  return std::ranges::any_of(on.routes, has_headers) || !on.tls_files.client_key.empty();
}

// Why the relay cannot serve; empty if it can.
std::string obstacle(const Config& config, const On& on) {
  // The rules of container scope accept no answer in a flow of the gate that a process of this network sends.
  if (config.scope == config::Scope::container)
    for (const Route& route : on.routes)
      if (inet::is_loopback(route.endpoint.destination.host))
        return text(route.endpoint) +
               " is on loopback, which the agent reaches too: move the collector to another host";
  for (const std::string_view name : proxies)
    if (!config.environment.get(name).empty())
      return std::string(name) + " is set, and the relay connects directly: take out the variable";
  if (!config.environment.get(passphrase).empty())
    return std::string(passphrase) + " is set, and the relay reads no encrypted key: take out the variable";
  return {};
}

// The relay has the same files for every signal.
void warn_of_own_files(const Config& config, std::vector<std::string>& warnings) {
  for (const Signal signal : all_signals)
    for (const std::string_view file : files)
      if (const std::string name = otlp_variable(signal, file); !config.environment.get(name).empty())
        warnings.push_back(name + " has no effect: the relay uses the file in " + otlp_variable({}, file) +
                           " for every signal");
}

void warn_of_separate_sums(const Config& config, std::vector<std::string>& warnings) {
  const std::string name = otlp_variable(Signal::metrics, "TEMPORALITY_PREFERENCE");
  if (equal_ignoring_case(config.environment.get(name), "cumulative"))
    warnings.push_back(name +
                       " is cumulative, and without the relay each process of the agent counts from zero: "
                       "write --relay on, which sums them");
}

}  // namespace

Result<> choose_road(const Config& config, On& on, std::vector<std::string>& warnings) {
  if (config.relay == RelaySwitch::on && config.gate == config::GateSwitch::off)
    return fail(Exit::configuration, config.given.at("relay").origin +
                                         ": the relay gets its connections from the gate, which is off: "
                                         "write --gate on, or leave out relay");
  if (on.routes.empty() || config.gate == config::GateSwitch::off) return {};
  on.tls_files = find_collectors_files([&](std::string_view name) { return config.environment.get(name); });
  const bool keeps_a_secret = has_credential(on);
  if (config.relay == RelaySwitch::off) {
    if (keeps_a_secret)
      warnings.push_back(
          "relay off: every process of the agent can read the collector's credential, and can send what "
          "it likes in the name of others");
    return {};
  }
  if (config.relay == RelaySwitch::automatic && !keeps_a_secret) {
    warn_of_separate_sums(config, warnings);
    return {};
  }
  const std::string why_not = obstacle(config, on);
  if (!why_not.empty() && config.relay == RelaySwitch::on)
    return fail(Exit::configuration,
                config.given.at("relay").origin + ": " + why_not + ", or write --relay off");
  if (!why_not.empty()) {
    warnings.push_back("no relay: " + why_not +
                       ". So every process of the agent can read the collector's credential");
    return {};
  }
  on.road = Road::relay;
  warn_of_own_files(config, warnings);
  if (config.environment.get(otlp_variable({}, "COMPRESSION")) == "gzip") on.compression = Compression::gzip;
  return {};
}

bool is_of_connection(std::string_view name) {
  return is_otlp_variable(name, of_connection);
}

std::vector<std::string> relay_detours() {
  std::vector<std::string> names{otlp_variable({}, "HEADERS")};
  for (const Signal signal : all_signals) {
    names.push_back(otlp_variable(signal, "HEADERS"));
    names.push_back(otlp_variable(signal, "COMPRESSION"));
  }
  return names;
}

}  // namespace ostiary::telemetry
