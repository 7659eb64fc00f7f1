#include <array>

#include <sys/random.h>

#include "ostiary/base/encoding.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/log.h"
#include "ostiary/confine/confine.h"
#include "ostiary/connect/settings_file.h"
#include "ostiary/link/probe.h"
#include "output.h"
#include "telemetry_commands.h"

namespace ostiary::cli {
namespace {

Result<std::vector<connect::Layer>> read_layers(CheckTelemetry::Scope scope,
                                                const config::Environment& environment) {
  using Scope = CheckTelemetry::Scope;
  std::vector<connect::Layer> layers;
  if (scope == Scope::all || scope == Scope::user) layers = TRY(connect::read_users_layer(environment));
  if (scope == Scope::all || scope == Scope::managed)
    for (connect::Layer& each : TRY(connect::read_managed_layers())) layers.push_back(std::move(each));
  return layers;
}

}  // namespace

Result<std::string> make_marker() {
  std::array<uint8_t, 8> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  std::string marker;
  for (const uint8_t octet : random) append_hexadecimal(marker, octet);
  return marker;
}

Result<int> execute_check(const CheckTelemetry& command, const config::Environment& environment,
                          const std::string& marker) {
  TRY(confine::hide_memory());
  using Scope = CheckTelemetry::Scope;
  const bool has_environment = command.scope == Scope::all || command.scope == Scope::environment;
  const std::vector<connect::Layer> layers = TRY(read_layers(command.scope, environment));
  const config::Environment none;
  const connect::Check check = TRY(connect::plan_check(has_environment ? environment : none, layers, marker));
  for (const std::string& note : check.notes) log::warn(note);
  std::string text = "settings:";
  for (const connect::Layer& layer : layers) append(text, {" ", escape_controls(layer.path)});
  append(text, {has_environment ? " environment" : "",
                "\nresource attribute of each batch: ", connect::marker_attribute, "=", marker, "\n"});
  for (const std::string& unsent : check.unsent) append(text, {unsent, "\n"});
  TRY(print(text));
  constexpr int failed = static_cast<int>(Exit::unavailable);
  if (check.setup.collectors.empty()) return failed;
  const int status = TRY(relay::run_probe(check.setup, check.credentials));
  return status == 0 && !check.unsent.empty() ? failed : status;
}

}  // namespace ostiary::cli
