// connect/check.h: what `ostiary telemetry check` sends, and what Claude Code would not send. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/environment.h"
#include "ostiary/link/relay_setup.h"

namespace ostiary::connect {

// A resource attribute of every batch. Its value is new in each check.
inline constexpr std::string_view marker_attribute = "ostiary.check";

// A file of settings.
struct Layer {
  std::string path;
  Secret text;
};

struct Check {
  // A collector for each signal that Claude Code sends. It gets one batch.
  relay::Setup setup = {};
  relay::Credentials credentials = {};
  std::vector<std::string> unsent = {};  // of each other signal: its name, why, what to do
  std::vector<std::string> notes = {};
};

// The variables are those of `environment`, and over them those of the layers, weakest first. An error if
// Claude Code sends nothing at all, or does so to another host than the variables say.
Result<Check> plan_check(const config::Environment& environment, std::span<const Layer> layers,
                         std::string_view marker);

// The paths of the layers that say whether or where telemetry is sent. Malformed ones are skipped.
std::vector<std::string> routing_layers(std::span<const Layer> layers);

}  // namespace ostiary::connect
