#include "ostiary/config/config.h"

#include <algorithm>
#include <array>

#include "ostiary/base/escape.h"
#include "ostiary/base/guarded_directory.h"
#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/secrets.h"
#include "policy_file.h"

namespace ostiary::config {
namespace {

using std::chrono::seconds;

constexpr std::string_view default_policy_path = "/etc/ostiary/policy.json";
constexpr std::array<std::string_view, 4> source_names{"off", "grafana-cloud", "otlp", "module"};

// ---- the sources of settings

// Kubernetes sets these in every container of a namespace that has a service called "ostiary".
bool is_service_link(std::string_view name) {
  return name == "OSTIARY_PORT" || name.starts_with("OSTIARY_PORT_") || name.starts_with("OSTIARY_SERVICE_");
}

Result<> only_known_variables(const Environment& environment) {
  constexpr std::string_view prefix = "OSTIARY_";
  std::vector<std::string_view> known{"OSTIARY_TELEMETRY", "OSTIARY_TELEMETRY_FILE"};
  for (const Setting& setting : settings) known.push_back(setting.variable);
  for (const std::string_view entry : environment.entries()) {
    const std::string_view name = name_of(entry);
    if (!name.starts_with(prefix) || is_service_link(name) || std::ranges::find(known, name) != known.end())
      continue;
    if (name == "OSTIARY_RELAYS")
      return fail(Exit::configuration,
                  "there is no variable " + quote(name) + ": write \"relays\" into the policy file");
    // Compare without the common prefix, which would make every name look similar.
    for (std::string_view& each : known) each.remove_prefix(prefix.size());
    const std::string_view meant = nearest(name.substr(prefix.size()), known);
    return fail(
        Exit::configuration,
        "there is no variable " + quote(name) + ": " +
            (meant.empty() ? "see ostiary run --help" : "write " + std::string(prefix) + std::string(meant)));
  }
  return {};
}

GivenSettings settings_of(const Environment& environment) {
  GivenSettings given;
  for (const Setting& setting : settings)
    if (const std::string_view value = environment.get(setting.variable); !value.empty())
      given[setting.key] = {std::string(value), std::string(setting.variable)};
  return given;
}

// Lists of allowed hosts add up. They do not replace each other.
void take_allow(const GivenSettings& given, Config& config) {
  if (const auto found = given.find("allow"); found != given.end()) config.allow.push_back(found->second);
}

void strengthen(GivenSettings& weaker, GivenSettings stronger) {
  for (auto& [key, given] : stronger) weaker[key] = std::move(given);
}

// Adds the flag or variable that names the file. Shortens the path, with which the error begins,
// and hides it if it may hold a password.
std::unexpected<Error> unreadable(std::string_view origin, const std::string& path, Error error) {
  const std::string shown = quote_unless_password(path, "its file");
  if (error.message.starts_with(path)) error.message.replace(0, path.size(), shown);
  if (error.message.ends_with("is not a regular file")) error.message += ": write the path of a policy file";
  if (origin.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).within(origin));
}

// Returns the policy file and sets `path`. Without a file the path is empty.
Result<PolicyFile> find_policy(const Sources& sources, const GivenSettings& given, std::string& path) {
  const auto named = given.find("policy");
  path = named != given.end() ? named->second.text : default_policy_path;
  const auto text = sources.read_file(path);
  if (!text)
    return unreadable(named == given.end() ? std::string_view() : named->second.origin, path, text.error());
  if (*text) return parse_policy_file(**text, escape_controls(path));
  if (named != given.end())
    return fail(Exit::missing_input, named->second.origin + ": there is no file " +
                                         quote_unless_password(path, "at its path") +
                                         ": write the path of a policy file");
  path.clear();
  return PolicyFile{};
}

// ---- one setting of each kind

// `what` says what is wrong with the text and what to write instead.
std::unexpected<Error> bad(const Given& given, std::string_view what) {
  return fail(Exit::configuration, given.origin + ": " + quote_refused(given.text) + " " + std::string(what));
}

class Reader {
 public:
  explicit Reader(const GivenSettings& given) : given_(given) {}

  const Given* find(std::string_view key) const {
    const auto found = given_.find(key);
    return found == given_.end() ? nullptr : &found->second;
  }

  Result<seconds> duration(std::string_view key, seconds standard) const {
    return seconds(TRY(number(key, standard.count(), "seconds")));
  }

  Result<int64_t> number(std::string_view key, int64_t standard, std::string_view of_what) const {
    const Given* given = find(key);
    if (given == nullptr) return standard;
    const auto [min, max] = std::pair(setting_of(key).min, setting_of(key).max);
    const auto value = parse_number<int64_t>(given->text);
    if (!value || *value < min || *value > max)
      return bad(*given, "is not a number of " + std::string(of_what) + " from " + std::to_string(min) +
                             " to " + std::to_string(max) + ", like " + std::to_string(standard));
    return *value;
  }

  Result<std::optional<Choice>> choice(std::string_view key) const {
    const Given* given = find(key);
    if (given == nullptr) return std::nullopt;
    if (const auto choice = parse_switch(given->text)) return choice;
    return bad(*given, "is neither true nor false: write true, 1, yes, false, 0 or no");
  }

  Result<std::string> absolute_path(std::string_view key) const {
    const Given* given = find(key);
    if (given == nullptr) return std::string{};
    if (!given->text.starts_with('/')) return bad(*given, "is not an absolute path: begin it with /");
    return given->text;
  }

 private:
  const GivenSettings& given_;
};

Result<GateSwitch> read_gate(const Given* given) {
  if (given == nullptr || given->text == "on") return GateSwitch::on;
  if (given->text == "off") return GateSwitch::off;
  return bad(*given, "is neither on nor off: write on or off");
}

Result<Choice> read_api_relay(const Given* given) {
  if (given == nullptr || given->text == "off") return Choice::no;
  if (given->text == "on") return Choice::yes;
  return bad(*given, "is neither off nor on: write off or on");
}

// Of a setting that is on by default.
Result<Choice> read_on_or_off(const Given* given) {
  if (given == nullptr || given->text == "on") return Choice::yes;
  if (given->text == "off") return Choice::no;
  return bad(*given, "is neither on nor off: write on or off");
}

Result<tls::EncryptedHello> read_ech(const Given* given) {
  if (given == nullptr || given->text == "refuse") return tls::EncryptedHello::refused;
  if (given->text == "allow") return tls::EncryptedHello::ignored;
  return bad(*given, "is neither refuse nor allow: write refuse or allow");
}

Result<Scope> read_scope(const Given* given) {
  if (given == nullptr) return Scope::container;
  for (const Scope scope : {Scope::container, Scope::user})
    if (given->text == text(scope)) return scope;
  return bad(*given, "is neither container nor user: write container or user");
}

Result<RelaySwitch> read_relay(const Given* given) {
  if (given == nullptr || given->text == "auto") return RelaySwitch::automatic;
  if (given->text == "on") return RelaySwitch::on;
  if (given->text == "off") return RelaySwitch::off;
  return bad(*given, "is not auto, on or off: write one of them");
}

Result<std::optional<Choice>> read_keep_rules(const Given* given) {
  if (given == nullptr) return std::nullopt;
  if (given->text == "always") return Choice::yes;
  if (given->text == "never") return Choice::no;
  return bad(*given, "is neither always nor never: write always or never");
}

Result<std::string> read_relay_spool(const Reader& reader) {
  std::string directory = TRY(reader.absolute_path("relay_spool"));
  if (directory.empty()) return directory;
  if (const Result<> valid = check_path(directory, "spool"); !valid)
    return fail(Exit::configuration, reader.find("relay_spool")->origin + ": " + valid.error().message);
  return directory;
}

std::optional<Given> copy_of(const Given* given) {
  return given == nullptr ? std::nullopt : std::optional(*given);
}

Choice opposite(Choice choice) {
  return choice == Choice::yes ? Choice::no : Choice::yes;
}

Result<std::optional<TelemetrySource>> read_source(const Given* given) {
  if (given == nullptr) return std::nullopt;
  const auto found = std::ranges::find(source_names, given->text);
  if (found == source_names.end())
    return bad(*given, "is not a source: write grafana-cloud, otlp, module or off");
  return static_cast<TelemetrySource>(found - source_names.begin());
}

Result<log::Level> read_level(const Given* given) {
  if (given == nullptr) return log::Level::info;
  auto level = log::parse_level(given->text);
  if (!level) return bad(*given, level.error().message);
  return level;
}

Result<> read_gate_settings(const Reader& reader, Config& config) {
  config.gate = TRY(read_gate(reader.find("gate")));
  config.scope = TRY(read_scope(reader.find("scope")));
  config.check_names = TRY(read_on_or_off(reader.find("check_names")));
  config.encrypted_hello = TRY(read_ech(reader.find("ech")));
  config.derive = opposite(TRY(reader.choice("no_derive")).value_or(Choice::no));
  config.inbound = copy_of(reader.find("allow_inbound"));
  config.allowed_sockets = copy_of(reader.find("allow_socket"));
  config.upstream = copy_of(reader.find("upstream"));
  config.hold = TRY(reader.duration("hold", config.hold));
  config.resolve_timeout = TRY(reader.duration("resolve_timeout", config.resolve_timeout));
  config.in_place = TRY(reader.choice("in_place")).value_or(Choice::no);
  config.keep_rules = TRY(read_keep_rules(reader.find("keep_rules")));
  config.audit = copy_of(reader.find("audit"));
  config.audit_mebibytes = TRY(reader.number("audit_limit", config.audit_mebibytes, "MiB"));
  config.audit_otlp = TRY(read_on_or_off(reader.find("audit_otlp")));
  return {};
}

Result<> read_settings(const GivenSettings& given, Config& config) {
  const Reader reader(given);
  config.user = copy_of(reader.find("user"));
  config.workdir = TRY(reader.absolute_path("workdir"));
  config.grace = TRY(reader.duration("grace", config.grace));
  TRY(read_gate_settings(reader, config));
  config.telemetry_source = TRY(read_source(reader.find("telemetry_source")));
  config.require_telemetry = TRY(reader.choice("require_telemetry")).value_or(Choice::no);
  config.relay = TRY(read_relay(reader.find("relay")));
  config.api_relay = TRY(read_api_relay(reader.find("api_relay")));
  config.relay_spool = TRY(read_relay_spool(reader));
  config.managed_settings = opposite(TRY(reader.choice("no_managed_settings")).value_or(Choice::no));
  config.auth_hook = TRY(reader.absolute_path("auth_hook"));
  config.auth_hook_timeout = TRY(reader.duration("auth_hook_timeout", config.auth_hook_timeout));
  config.prepare_claude = TRY(reader.choice("prepare_claude"));
  config.log_level = TRY(read_level(reader.find("log_level")));
  return {};
}

// ---- the sources of telemetry

Result<std::optional<Module>> find_module(const Sources& sources, PolicyFile& policy,
                                          const std::string& policy_path) {
  const auto given = TRY(find_secret(module_name, Lines::several, sources));
  if (!given) return std::move(policy.module);
  if (policy.module)
    return fail(Exit::configuration, "the module's object is given twice, as " + given->origin +
                                         " and as telemetry in " + policy_path + ": keep one of them");
  const auto object = parse_located(given->value.reveal());
  if (!object) return std::unexpected(Error(object.error()).within(given->origin));
  auto module = parse_module(*object, given->origin);
  if (!module) return std::unexpected(std::move(module).error().within(given->origin));
  return std::move(*module);
}

Result<> read_secrets(const Sources& sources, Config& config) {
  config.grafana.instance_id = TRY(find_secret(grafana_names[0], Lines::one, sources));
  config.grafana.api_token = TRY(find_secret(grafana_names[1], Lines::one, sources));
  config.grafana.endpoint = TRY(find_secret(grafana_names[2], Lines::one, sources));
  const auto keep = [&](std::string_view name) -> Result<> {
    if (auto secret = TRY(find_secret(name, Lines::one, sources)))
      config.secrets.emplace(name, std::move(*secret));
    return {};
  };
  for (const std::string_view name : header_names) TRY(keep(name));
  for (const std::string_view name : agent_names) TRY(keep(name));
  return {};
}

Result<> find_credentials(std::vector<RelayEntry>& relays, const Sources& sources) {
  for (RelayEntry& each : relays) {
    auto credential = TRY(find_secret(each.secret, Lines::one, sources));
    if (!credential)
      // Not its name: by mistake that may be the secret itself.
      return fail(Exit::configuration,
                  each.origin + ": the relay " + each.name +
                      " has no secret to add: set the variable that its \"secret\" names, or the one with "
                      "_FILE behind the name, or make a file of that name in /run/secrets");
    each.credential = *std::move(credential);
  }
  return {};
}

}  // namespace

std::optional<Choice> parse_switch(std::string_view word) {
  constexpr std::array<std::string_view, 3> yes{"true", "1", "yes"};
  constexpr std::array<std::string_view, 3> no{"false", "0", "no"};
  if (std::ranges::find(yes, word) != yes.end()) return Choice::yes;
  if (std::ranges::find(no, word) != no.end()) return Choice::no;
  return std::nullopt;
}

std::string_view text(TelemetrySource source) {
  return source_names.at(static_cast<size_t>(source));
}

Result<Config> read_config(Sources sources) {
  TRY(only_known_variables(sources.environment));
  Config config;
  GivenSettings stronger = settings_of(sources.environment);
  take_allow(stronger, config);
  take_allow(sources.flags, config);
  strengthen(stronger, std::move(sources.flags));
  PolicyFile policy = TRY(find_policy(sources, stronger, config.policy_path));
  GivenSettings given = std::move(policy.settings);
  strengthen(given, std::move(stronger));
  TRY(read_settings(given, config));
  TRY(read_secrets(sources, config));
  TRY(find_credentials(policy.relays, sources));
  config.module = TRY(find_module(sources, policy, config.policy_path));
  config.policy_allow = std::move(policy.allow);
  config.policy_attributes = std::move(policy.resource_attributes);
  config.relays = std::move(policy.relays);
  config.given = std::move(given);
  config.environment = std::move(sources.environment);
  return config;
}

}  // namespace ostiary::config
