// config/config.h: the whole configuration, read once.
// - A flag overrides an environment variable, and a variable overrides the policy file.
// - Every value has a valid form, except the parts that telemetry and policy check themselves.
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
#include "ostiary/config/gate_switch.h"
#include "ostiary/config/located_json.h"
#include "ostiary/config/sources.h"
#include "ostiary/inet/url.h"
#include "ostiary/tls/client_hello.h"

namespace ostiary::config {

// container: the rules hold the traffic of every process. user: only of the agent's user.
enum class Scope : uint8_t { container, user };
enum class TelemetrySource : uint8_t { off, grafana_cloud, otlp, module };
enum class Choice : uint8_t { no, yes };
// Whether telemetry goes through the relay. automatic: if a credential is configured.
enum class RelaySwitch : uint8_t { automatic, on, off };
// Reads "true", "1", "yes", "false", "0" or "no".
std::optional<Choice> parse_switch(std::string_view word);

// The name that the user writes.
std::string_view text(TelemetrySource source);
constexpr std::string_view text(Scope scope) {
  switch (scope) {
    case Scope::container:
      return "container";
    case Scope::user:
      return "user";
  }
  std::unreachable();
}

// The three values that Grafana Cloud's gateway needs. Each may be missing.
struct GrafanaCloud {
  std::optional<Sourced> instance_id;
  std::optional<Sourced> api_token;
  std::optional<Sourced> endpoint;
};

// One entry of a map, and its origin for error messages.
struct NamedText {
  std::string name;
  std::string text;
  std::string origin;
};

// The telemetry object that the Coder module passes.
struct Module {
  std::string origin;
  Choice enabled = Choice::yes;
  std::string endpoint;
  std::string protocol;
  std::vector<std::pair<std::string, Secret>> headers;
  std::vector<NamedText> resource_attributes;
};

// Each has a listener.
inline constexpr size_t max_relays = 8;

// In the value of a relay's variable, the URL of the relay: "http://127.0.0.1:15356".
inline constexpr std::string_view relays_url = "{url}";

// A relay of the policy file: a server that the agent reaches through ostiary's relay, which adds a secret.
struct RelayEntry {
  struct Allowed {
    std::vector<std::string> methods;
    std::string path;  // of the form of http/path.h, without a query
    Choice below = Choice::no;
  };

  std::string name;
  std::string origin;  // file and line
  inet::Url url;       // with a path to be put in front of others: "" or "/x"
  std::string header;
  std::string prefix;  // in front of the secret in the header
  std::string secret;  // its name
  std::vector<Allowed> allow;
  std::string variable;     // that the agent gets
  std::string value;        // of the variable, with relays_url
  Sourced credential = {};  // the secret itself
};

// Only this module reads the environment and the files, so that telemetry and policy are pure. It
// checks the form of a value. The module that owns endpoints, headers or rules parses their text;
// the text keeps its origin, so that an error names the variable or the line.
struct Config {
  GivenSettings given;      // every setting that is not left at its default
  std::string policy_path;  // empty: no policy file
  std::optional<Given> user;
  std::string workdir;  // empty: the current directory
  std::chrono::seconds grace{10};
  GateSwitch gate = GateSwitch::on;
  Scope scope = Scope::container;
  std::optional<Node> policy_allow;  // the list in the policy file
  std::vector<Given> allow;          // lists from the environment and flags, added to policy_allow
  std::optional<Given> inbound;
  std::optional<Given> allowed_sockets;
  Choice check_names = Choice::yes;  // whether TLS and HTTP must name an allowed host
  tls::EncryptedHello encrypted_hello = tls::EncryptedHello::refused;
  Choice derive = Choice::yes;
  std::optional<Given> upstream;
  std::chrono::seconds hold{3600};
  std::chrono::seconds resolve_timeout{5};
  Choice in_place = Choice::no;
  std::optional<Choice> keep_rules;
  std::optional<Given> audit;
  int64_t audit_mebibytes = 64;
  Choice audit_otlp = Choice::yes;
  std::optional<TelemetrySource> telemetry_source;
  Choice require_telemetry = Choice::no;
  RelaySwitch relay = RelaySwitch::automatic;
  Choice api_relay = Choice::no;  // whether the agent's requests to the API go through the relay
  Choice managed_settings = Choice::yes;
  std::string relay_spool;  // the directory of the relay's queues; empty: memory
  std::string auth_hook;    // empty: none
  std::chrono::seconds auth_hook_timeout{60};
  std::optional<Choice> prepare_claude;
  log::Level log_level = log::Level::info;

  GrafanaCloud grafana;
  std::optional<Module> module;
  std::vector<NamedText> policy_attributes;
  std::vector<RelayEntry> relays;
  std::map<std::string, Sourced, std::less<>> secrets;  // header_names and agent_names, by name
  Environment environment;
};

Result<Config> read_config(Sources sources);

}  // namespace ostiary::config
