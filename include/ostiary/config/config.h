// config/config.h: everything the user told us, read once.
// What is here has its right form, but for what telemetry and policy have to say about their own parts.
// Weakest first, the sources are: policy file, environment, flags.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ostiary/base/log.h"
#include "ostiary/base/result.h"
#include "ostiary/config/located_json.h"
#include "ostiary/config/sources.h"

namespace ostiary::config {

enum class GateSwitch : uint8_t { on, off };
// Whom the gate holds: everybody in the container, or the agent's user and nobody else.
enum class Scope : uint8_t { container, user };
enum class TelemetrySource : uint8_t { off, grafana_cloud, otlp, module };
enum class Choice : uint8_t { no, yes };
// "true", "1", "yes", "false", "0" or "no".
std::optional<Choice> parse_switch(std::string_view word);

// As the user writes it.
std::string_view text(TelemetrySource source);
std::string_view text(Scope scope);

// The three that Grafana Cloud's gateway needs; each may be missing.
struct GrafanaCloud {
  std::optional<Sourced> instance_id;
  std::optional<Sourced> api_token;
  std::optional<Sourced> endpoint;
};

// One entry of a map, and where it stands.
struct NamedText {
  std::string name;
  std::string text;
  std::string origin;
};

// The Coder module's object.
struct Module {
  std::string origin;
  Choice enabled = Choice::yes;
  std::string endpoint;
  std::string protocol;
  std::vector<std::pair<std::string, Secret>> headers;
  std::vector<NamedText> resource_attributes;
};

struct Config {
  GivenSettings given;      // every setting that is not left at its default
  std::string policy_path;  // empty where there is none
  std::optional<Given> user;
  std::string workdir;  // empty: the current directory
  std::chrono::seconds grace{10};
  GateSwitch gate = GateSwitch::on;
  Scope scope = Scope::container;
  std::optional<Node> policy_allow;  // the policy file's list
  std::vector<Given> allow;          // further lists, all of which add up
  std::optional<Given> inbound;
  std::optional<Given> allowed_sockets;
  Choice derive = Choice::yes;
  std::optional<Given> upstream;
  std::chrono::seconds hold{3600};
  std::chrono::seconds resolve_timeout{5};
  Choice in_place = Choice::no;
  std::optional<Choice> keep_rules;
  std::optional<Given> audit;
  int64_t audit_mebibytes = 64;
  std::optional<TelemetrySource> telemetry_source;
  Choice require_telemetry = Choice::no;
  Choice managed_settings = Choice::yes;
  std::string auth_hook;  // empty: none
  std::chrono::seconds auth_hook_timeout{60};
  std::optional<Choice> prepare_claude;
  log::Level log_level = log::Level::info;

  GrafanaCloud grafana;
  std::optional<Module> module;
  std::vector<NamedText> policy_attributes;
  std::map<std::string, Sourced, std::less<>> secrets;  // header_names and agent_names, by name
  Environment environment;
};

Result<Config> read_config(Sources sources);

}  // namespace ostiary::config
