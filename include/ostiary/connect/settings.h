// connect/settings.h: Claude Code's settings for telemetry on a machine without `ostiary run`. Pure.
// - The variables are those that `ostiary run` gives its agent without a relay.
// - What Claude Code would ignore without a word is an error, which names the flag.
// - A file's other settings stay. Of its own variables for telemetry, those that enable or route it are replaced.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/config.h"

namespace ostiary::connect {

// The switches of content, and their variables.
struct ContentSwitch {
  std::string_view flag;
  std::string_view variable;
  std::string_view help;
};
inline constexpr std::array content_switches{
    ContentSwitch{"--prompts", "OTEL_LOG_USER_PROMPTS", "Send the texts of prompts"},
    ContentSwitch{"--responses", "OTEL_LOG_ASSISTANT_RESPONSES",
                  "Send the texts of responses (default: as --prompts)"},
    ContentSwitch{"--tool-details", "OTEL_LOG_TOOL_DETAILS", "Send the commands and paths of tools"},
    ContentSwitch{"--tool-content", "OTEL_LOG_TOOL_CONTENT", "Send what tools read and write"},
    ContentSwitch{"--api-bodies", "OTEL_LOG_RAW_API_BODIES", "Send whole requests and responses of the API"},
};

// What the user asks for. An empty text: not given.
struct Request {
  std::string endpoint;
  std::string protocol = {};
  std::string temporality = {};
  std::vector<std::string> attributes = {};     // "key=value", not encoded
  std::optional<config::Sourced> headers = {};  // in the form of OTEL_EXPORTER_OTLP_HEADERS
  std::vector<std::pair<std::string_view, config::Choice>> content = {};  // by variable
};

// user: a developer's own settings. managed: those that no user and no project can override.
enum class Kind : uint8_t { user, managed };

enum class Secrets : uint8_t { masked, revealed };

struct NewSettings {
  Secret text;
  std::string target;  // for people: the endpoint and the protocol
  bool has_secret = false;
  std::vector<std::string> taken_out = {};  // variables that would have redirected telemetry
  std::vector<std::string> warnings = {};
};

// `text` is that of the settings so far. An error about it does not show its name.
Result<NewSettings> make_settings(const Request& request, Kind kind, std::string_view text,
                                  Secrets secrets = Secrets::revealed);

// Headers in the form of OTEL_EXPORTER_OTLP_HEADERS, from a text of that form, which may follow the variable's name
// and "=", or from lines "Name: value".
Secret read_headers(std::string_view text);
// Of one header.
Secret join_header(std::string_view name, std::string_view value);

// ---- forms in which a fleet gets managed settings

enum class Form : uint8_t {
  json,   // managed-settings.json, and files below managed-settings.d
  plist,  // macOS: the preferences of com.anthropic.claudecode
  reg,    // Windows: HKLM\SOFTWARE\Policies\ClaudeCode
};
Result<Secret> write_form(const Secret& settings, Form form);

}  // namespace ostiary::connect
