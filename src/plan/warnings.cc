#include "warnings.h"

#include <algorithm>
#include <array>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/providers.h"
#include "ostiary/config/secrets.h"
#include "ostiary/inet/special.h"
#include "ostiary/policy/warnings.h"

namespace ostiary::plan {
namespace {

// What a platform puts into a container's environment so that a process there can get its credentials: GitHub
// Actions, GitLab, AWS containers and pods, Azure, Google. A name that ends in _ stands for all it begins.
constexpr auto credentials = std::to_array<std::string_view>({
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "CI_JOB_JWT",
    "CI_JOB_JWT_V2",
    "CI_JOB_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
});

bool gives_credentials(std::string_view name) {
  return std::ranges::any_of(credentials, [name](std::string_view each) {
    return each.ends_with('_') ? name.starts_with(each) : name == each;
  });
}

void warn_of_credentials(Plan& plan) {
  std::vector<std::string> names;
  for (const std::string& entry : plan.agent.environment.agent.entries()) {
    const std::string_view name = config::name_of(entry);
    if (gives_credentials(name) && entry.size() > name.size() + 1) names.emplace_back(name);
  }
  if (names.empty()) return;
  plan.warnings.push_back("the agent has the platform's credentials from the environment: " +
                          join(names, ", ") + ": take out what it does not need");
}

void warn_of_names(Plan& plan, const config::Config& config) {
  if (!plan.gate) return;
  if (config.check_names == config::Choice::no)
    plan.warnings.push_back(
        config.given.at("check_names").origin +
        " off: at an address that is open for an allowed name the agent reaches every other site "
        "that shares it, such as those of the same CDN: leave it out if the kernel has NFQUEUE");
  else if (config.encrypted_hello == tls::EncryptedHello::ignored)
    plan.warnings.push_back(
        config.given.at("ech").origin +
        " allow: a TLS hello may be encrypted, and then name every site that shares the address "
        "of an allowed name: leave it out if no program of the agent needs it");
}

// What an --allow-inbound does not do.
void warn_of_inbound(Plan& plan) {
  if (plan.enclosure.inbound.empty()) return;
  if (!plan.enclosure.scope.holds_arrivals && plan.gate)
    plan.warnings.emplace_back(
        "--allow-inbound has no effect with --scope user, where no port is closed to outside");
  for (const policy::Rule& rule : plan.enclosure.inbound) {
    const auto& network = std::get<inet::Prefix>(rule.subject).network();
    if (inet::classify(network) == inet::AddressClass::loopback)
      plan.warnings.push_back(
          rule.reason + " " + text(rule.subject) + ":" + rule.ports.text() +
          " has no effect, because loopback ports are always open to local processes: write " +
          rule.ports.text() + " to open the port to all networks");
  }
}

// Placeholders, and values in each other's place.
void warn_of_grafana(Plan& plan, const config::GrafanaCloud& grafana) {
  if (grafana.instance_id && !std::ranges::all_of(grafana.instance_id->value.reveal(), is_digit))
    plan.warnings.push_back(grafana.instance_id->origin +
                            ": is not a number, as the instance ID of a Grafana Cloud stack is");
  const auto is_odd = [](char c) { return c == ' ' || c == '<' || c == '>'; };
  if (grafana.api_token && std::ranges::any_of(grafana.api_token->value.reveal(), is_odd))
    plan.warnings.push_back(grafana.api_token->origin +
                            ": has a blank or a < in it, as no token of Grafana Cloud has: write the token");
}

// The variable of telemetry's that was probably meant by this name, or an empty one.
std::string meant_by(std::string_view name) {
  constexpr std::string_view grafana = "GRAFANA_";
  constexpr std::string_view otlp = "OTEL_EXPORTER_OTLP_";
  constexpr auto otlp_parts = std::to_array<std::string_view>(
      {"ENDPOINT", "PROTOCOL", "HEADERS", "TRACES_ENDPOINT", "TRACES_PROTOCOL", "TRACES_HEADERS",
       "METRICS_ENDPOINT", "METRICS_PROTOCOL", "METRICS_HEADERS", "LOGS_ENDPOINT", "LOGS_PROTOCOL",
       "LOGS_HEADERS"});
  if (name.starts_with(grafana)) return std::string(nearest(name, config::grafana_names));
  if (!name.starts_with(otlp)) return {};
  const std::string_view meant = nearest(name.substr(otlp.size()), otlp_parts);
  return meant.empty() ? std::string() : std::string(otlp) + std::string(meant);
}

// A switch of Claude Code's with a word that is neither on nor off.
void warn_of_switches(Plan& plan, const config::Environment& environment) {
  constexpr auto words =
      std::to_array<std::string_view>({"1", "true", "yes", "on", "0", "false", "no", "off", ""});
  for (const std::string_view name : claude::providers) {
    const std::string word = to_lower(environment.get(name));
    if (std::ranges::find(words, word) == words.end())
      plan.warnings.push_back(std::string(name) + ": " + quote_refused(environment.get(name)) +
                              " switches nothing on: write 1, or leave it out");
  }
}

void warn_of_slips(Plan& plan, const config::Environment& environment) {
  for (const std::string_view entry : environment.entries()) {
    const std::string_view name = config::name_of(entry);
    if (name.ends_with("_FILE")) continue;
    const std::string meant = meant_by(name);
    if (!meant.empty() && meant != name && environment.get(meant).empty())
      plan.warnings.push_back("nothing reads " + quote(name) + ": perhaps " + meant + " is meant");
  }
}

void warn_of_idle_relay(Plan& plan, const config::Config& config) {
  if (config.relay == config::RelaySwitch::on && (!plan.relay || plan.relay->setup.collectors.empty()))
    plan.warnings.push_back(config.given.at("relay").origin +
                            " has no effect, because no telemetry is exported");
}

void warn_of_spool(Plan& plan, const config::Config& config) {
  if (config.relay_spool.empty()) return;
  if (!plan.relay || plan.relay->spool_directory.empty())
    plan.warnings.push_back(config.given.at("relay_spool").origin +
                            " has no effect, because no telemetry goes through the relay");
  else if (plan.agent.identity.uid == 0)
    plan.warnings.push_back("the agent runs as root: it can read the telemetry that waits in " +
                            config.relay_spool +
                            ", and the next start sends what it writes there, with the collector's "
                            "credential: name a user with --user");
}

void warn_of_plain_text(Plan& plan, const inet::Destination& server, const std::string& url) {
  if (!inet::is_loopback(server.host))
    plan.warnings.push_back(url + " has no TLS: whoever is between here and " + inet::text(server.host) +
                            " can read the credential: write https://");
}

// Credentials that leave this machine without TLS.
void warn_of_plain_text(Plan& plan) {
  std::vector<std::string> urls;
  for (const telemetry::Route& route : plan.telemetry.routes()) {
    const telemetry::Endpoint& endpoint = route.endpoint;
    const std::string url = "http://" + text(endpoint.destination);
    if (endpoint.scheme == inet::Scheme::https || route.headers.empty() ||
        std::ranges::find(urls, url) != urls.end())
      continue;
    urls.push_back(url);
    warn_of_plain_text(plan, endpoint.destination, url);
  }
  if (plan.relay)
    for (const relay::ForwardSetup& each : plan.relay->setup.forwards)
      if (each.server.scheme == inet::Scheme::http)
        warn_of_plain_text(plan, each.server.destination, "http://" + each.authority);
}

void warn_of_telemetry(Plan& plan) {
  const telemetry::Telemetry& telemetry = plan.telemetry;
  if (const auto* incomplete = std::get_if<telemetry::Incomplete>(&telemetry.state))
    plan.warnings.push_back("telemetry is off: missing " + join(incomplete->missing, ", "));
  plan.warnings.insert(plan.warnings.end(), telemetry.warnings.begin(), telemetry.warnings.end());
}

}  // namespace

void add_warnings(Plan& plan, const config::Config& config) {
  if (!plan.gate)
    plan.warnings.emplace_back("the gate is off: the agent reaches whatever this container can reach");
  if (plan.agent.identity.uid == 0 && !config.user)
    plan.warnings.emplace_back(
        "the agent runs as root, confined. It can replace programs that docker exec and ostiary exec run "
        "with the container's capabilities: name a user with --user");
  if (plan.agent.identity.domain == confine::Domain::none)
    plan.warnings.emplace_back(
        "the kernel, or the container runtime's filter of system calls, has no Landlock domains (Linux "
        "6.12): the agent can take over a process of its user that ostiary did not start, such as one of "
        "docker exec --user. Start such processes with ostiary exec");
  for (const selftest::SocketWaiver& waiver : plan.enclosure.allowed_sockets)
    plan.warnings.push_back("the agent may connect to " + waiver.text() +
                            ": no rule sees what that service does for the agent");
  warn_of_names(plan, config);
  warn_of_inbound(plan);
  warn_of_telemetry(plan);
  warn_of_plain_text(plan);
  warn_of_idle_relay(plan, config);
  warn_of_spool(plan, config);
  warn_of_grafana(plan, config.grafana);
  warn_of_slips(plan, config.environment);
  warn_of_switches(plan, config.environment);
  for (std::string& warning : policy::find_warnings(rules_of(plan)))
    plan.warnings.push_back(std::move(warning));
  warn_of_credentials(plan);
}

}  // namespace ostiary::plan
