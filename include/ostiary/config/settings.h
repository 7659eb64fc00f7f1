// config/settings.h: the table of all settings of `ostiary run`, one row each.
// The flags, variables, policy keys and --help come from this table. docs/configuration.md lists
// the same rows.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ostiary::config {

enum class ValueKind : uint8_t { text, list, seconds, mebibytes, on_or_off };

// The places in which a setting is valid.
enum class SettingPlace : uint8_t { everywhere, flag_and_variable };

struct Setting {
  std::string_view key;       // in the policy file and in the code
  std::string_view flag;      // "--grace"
  std::string_view variable;  // "OSTIARY_GRACE"
  ValueKind kind;
  SettingPlace reach;
  std::string_view value;  // the placeholder for the value in --help
  std::string_view help;
  int64_t min = 0;  // for numbers
  int64_t max = 0;
};

// The text of a setting, and its origin for error messages.
struct Given {
  std::string text;
  std::string origin;
};

using GivenSettings = std::map<std::string_view, Given>;  // by key

// A new setting is a row here, a reader in config.cc and a member of Config. One name does not
// follow the rule: the variable of --telemetry, because OSTIARY_TELEMETRY is the Coder module's
// object.
inline constexpr std::array settings{
    Setting{"policy", "--policy", "OSTIARY_POLICY", ValueKind::text, SettingPlace::flag_and_variable, "FILE",
            "The policy file (default: /etc/ostiary/policy.json, if there is one)"},
    Setting{"user", "--user", "OSTIARY_USER", ValueKind::text, SettingPlace::everywhere, "NAME|UID[:GID]",
            "The user that the agent runs as (default: the current user)"},
    Setting{"workdir", "--workdir", "OSTIARY_WORKDIR", ValueKind::text, SettingPlace::everywhere, "DIR",
            "The agent's working directory (default: the current directory)"},
    Setting{"grace", "--grace", "OSTIARY_GRACE", ValueKind::seconds, SettingPlace::everywhere, "SECONDS",
            "Time from SIGTERM or SIGINT to SIGKILL (default: 10)", 0, 3600},
    Setting{"gate", "--gate", "OSTIARY_GATE", ValueKind::text, SettingPlace::everywhere, "on|off",
            "off: no egress gate, telemetry only (default: on)"},
    Setting{"scope", "--scope", "OSTIARY_SCOPE", ValueKind::text, SettingPlace::everywhere, "container|user",
            "user: the rules hold only the agent's user (default: container)"},
    Setting{"allow", "--allow", "OSTIARY_ALLOW", ValueKind::list, SettingPlace::flag_and_variable, "ENTRY",
            "Let the agent reach HOST[:PORTS][/tcp|udp|both|tls|http|raw], *.DOMAIN, NETWORK or preset:NAME"},
    Setting{"allow_inbound", "--allow-inbound", "OSTIARY_ALLOW_INBOUND", ValueKind::list,
            SettingPlace::everywhere, "[NETWORK:]PORT[/udp]", "Let outside hosts open connections to a port"},
    Setting{"allow_socket", "--allow-socket", "OSTIARY_ALLOW_SOCKET", ValueKind::list,
            SettingPlace::everywhere, "PATH|@NAME", "Let the agent connect to another process's Unix socket"},
    Setting{"check_names", "--check-names", "OSTIARY_CHECK_NAMES", ValueKind::text, SettingPlace::everywhere,
            "on|off",
            "off: TLS and HTTP to an allowed address may name any host, such as another site of a CDN "
            "(default: on)"},
    Setting{"ech", "--ech", "OSTIARY_ECH", ValueKind::text, SettingPlace::everywhere, "refuse|allow",
            "allow: the name that TLS asks for may be encrypted, and so be any (default: refuse)"},
    Setting{"no_derive", "--no-derive", "OSTIARY_NO_DERIVE", ValueKind::on_or_off, SettingPlace::everywhere,
            "", "Do not allow the API hosts that the session's variables imply"},
    Setting{"upstream", "--upstream", "OSTIARY_UPSTREAM", ValueKind::list, SettingPlace::everywhere, "SERVER",
            "The upstream DNS server (default: those in /etc/resolv.conf)"},
    Setting{"hold", "--hold", "OSTIARY_HOLD", ValueKind::seconds, SettingPlace::everywhere, "SECONDS",
            "Minimum time that an address stays reachable (default: 3600)", 1, 604800},
    Setting{"resolve_timeout", "--resolve-timeout", "OSTIARY_RESOLVE_TIMEOUT", ValueKind::seconds,
            SettingPlace::everywhere, "SECONDS", "How long phase 1 waits for names to resolve (default: 5)",
            1, 300},
    Setting{"in_place", "--in-place", "OSTIARY_IN_PLACE", ValueKind::on_or_off, SettingPlace::everywhere, "",
            "Run the gate even in the machine's own network"},
    Setting{"keep_rules", "--keep-rules", "OSTIARY_KEEP_RULES", ValueKind::text, SettingPlace::everywhere,
            "always|never",
            "Keep the rules after ostiary exits (default: only if the network ends with ostiary)"},
    Setting{"audit", "--audit", "OSTIARY_AUDIT", ValueKind::text, SettingPlace::everywhere,
            "FILE|fd:N|stderr|none",
            "Where the audit goes (default: /var/log/ostiary/audit.jsonl, else stderr)"},
    Setting{"audit_limit", "--audit-limit", "OSTIARY_AUDIT_LIMIT", ValueKind::mebibytes,
            SettingPlace::everywhere, "MIB", "Maximum total size of the audit files, in MiB (default: 64)", 1,
            65536},
    Setting{"audit_otlp", "--audit-otlp", "OSTIARY_AUDIT_OTLP", ValueKind::text, SettingPlace::everywhere,
            "on|off", "The relay sends the audit's events as telemetry too (default: on)"},
    Setting{"telemetry_source", "--telemetry", "OSTIARY_TELEMETRY_SOURCE", ValueKind::text,
            SettingPlace::everywhere, "SOURCE",
            "grafana-cloud, otlp, module or off (default: the one that is configured)"},
    Setting{"require_telemetry", "--require-telemetry", "OSTIARY_REQUIRE_TELEMETRY", ValueKind::on_or_off,
            SettingPlace::everywhere, "", "Exit with status 78 if telemetry is not on"},
    Setting{"relay", "--relay", "OSTIARY_RELAY", ValueKind::text, SettingPlace::everywhere, "auto|on|off",
            "Keep the collector's credential out of the agent (default: auto, if there is one)"},
    Setting{"api_relay", "--api-relay", "OSTIARY_API_RELAY", ValueKind::text, SettingPlace::everywhere,
            "off|on", "Keep the API's credential out of the agent (default: off)"},
    Setting{"relay_spool", "--relay-spool", "OSTIARY_RELAY_SPOOL", ValueKind::text, SettingPlace::everywhere,
            "DIR", "Where telemetry waits for the collector (default: in memory, until ostiary exits)"},
    Setting{"no_managed_settings", "--no-managed-settings", "OSTIARY_NO_MANAGED_SETTINGS",
            ValueKind::on_or_off, SettingPlace::everywhere, "",
            "Do not write Claude Code's managed settings"},
    Setting{"auth_hook", "--auth-hook", "OSTIARY_AUTH_HOOK", ValueKind::text, SettingPlace::everywhere,
            "PROGRAM", "A program to run as the agent, confined, between the phases"},
    Setting{"auth_hook_timeout", "--auth-hook-timeout", "OSTIARY_AUTH_HOOK_TIMEOUT", ValueKind::seconds,
            SettingPlace::everywhere, "SECONDS", "Time limit of the auth hook (default: 60)", 1, 3600},
    Setting{"prepare_claude", "--prepare-claude", "OSTIARY_PREPARE_CLAUDE", ValueKind::on_or_off,
            SettingPlace::everywhere, "",
            "Prepare the work directory and Claude's state (default: for claude)"},
    Setting{"log_level", "--log-level", "OSTIARY_LOG_LEVEL", ValueKind::text, SettingPlace::everywhere,
            "LEVEL", "debug, info, warn or error (default: info)"},
};

// One text with commas, of the entries that a repeated flag or an array gives one by one. In a text
// of allow_inbound a port would be read as the network's before it, so the ports of all networks
// come first.
std::string join_entries(std::string_view key, std::span<const std::string> entries);

constexpr const Setting& setting_of(std::string_view key) {
  for (const Setting& setting : settings)
    if (setting.key == key) return setting;
  std::unreachable();
}

}  // namespace ostiary::config
