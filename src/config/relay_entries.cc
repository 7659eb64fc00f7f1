#include "relay_entries.h"

#include <algorithm>
#include <array>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/secrets.h"
#include "ostiary/http/forwardable.h"
#include "ostiary/http/path.h"
#include "parts.h"

namespace ostiary::config {
namespace {

constexpr std::array<std::string_view, 8> keys{"name",   "url",   "header",   "prefix",
                                               "secret", "allow", "variable", "value"};
constexpr std::array<std::string_view, 3> allow_keys{"methods", "path", "below"};

constexpr size_t longest_name = 32;
// What messages and documents call by these names.
constexpr std::array<std::string_view, 9> our_names{"agent",  "api",     "audit", "claude",   "gate",
                                                    "keeper", "ostiary", "relay", "telemetry"};
constexpr std::array<std::string_view, 7> methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

// What the agent's programs find their files, libraries and proxies by, and what ostiary sets or removes.
constexpr auto own_variables = std::to_array<std::string_view>({"PATH",
                                                                "HOME",
                                                                "USER",
                                                                "LOGNAME",
                                                                "SHELL",
                                                                "PWD",
                                                                "OLDPWD",
                                                                "TMPDIR",
                                                                "TERM",
                                                                "IFS",
                                                                "ENV",
                                                                "BASH_ENV",
                                                                "CDPATH",
                                                                "GLIBC_TUNABLES",
                                                                "NODE_OPTIONS",
                                                                "NODE_PATH",
                                                                "PYTHONPATH",
                                                                "PYTHONHOME",
                                                                "PYTHONSTARTUP",
                                                                "PERL5LIB",
                                                                "PERL5OPT",
                                                                "RUBYLIB",
                                                                "RUBYOPT",
                                                                "JAVA_TOOL_OPTIONS",
                                                                "GIT_SSH_COMMAND",
                                                                "GIT_EXEC_PATH",
                                                                "SSL_CERT_FILE",
                                                                "SSL_CERT_DIR",
                                                                "NODE_EXTRA_CA_CERTS"});
constexpr std::array<std::string_view, 7> own_beginnings{"ANTHROPIC_", "CLAUDE_", "DYLD_",   "GRAFANA_",
                                                         "LD_",        "OTEL_",   "OSTIARY_"};

bool is_own_variable(std::string_view name) {
  return std::ranges::find(own_variables, name) != own_variables.end() ||
         to_lower(name).ends_with("_proxy") ||
         std::ranges::any_of(own_beginnings, [&](std::string_view each) { return name.starts_with(each); });
}

bool is_variable_name(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_relay_name(std::string_view text) {
  const auto is_part = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= longest_name && !text.starts_with('-') && !text.ends_with('-') &&
         std::ranges::all_of(text, is_part);
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == ' ' || is_graphic(c); });
}

std::unexpected<Error> wrong(const Node& node, const std::string& message) {
  return std::unexpected(node.error(message));
}

// A part that a relay needs. `like` is what to write.
Result<const Node*> need(const Node& object, std::string_view key, std::string_view like) {
  if (const Node* part = find_part(object, key)) return part;
  return wrong(object, "a relay has no " + quote(key) + ": write " + std::string(like));
}

struct Text {
  const Node& node;
  std::string_view text;
};

Result<Text> need_text(const Node& object, std::string_view key, std::string_view like) {
  const Node* part = TRY(need(object, key, like));
  return Text{*part, TRY(value_for(key, part->string()))};
}

Result<std::string> read_name(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "name", R"("name": "registry")"));
  if (!is_relay_name(text))
    return wrong(node, "name " + quote(text) +
                           " is not of at most 32 lower-case letters, digits and hyphens between them: write "
                           "one like \"registry\"");
  if (std::ranges::find(our_names, text) != our_names.end())
    return wrong(node, "name " + quote(text) + " is one of ostiary's own: write another");
  return std::string(text);
}

Result<inet::Url> read_url(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "url", R"("url": "https://HOST")"));
  auto url = inet::Url::parse(text);
  if (!url) return wrong(node, "url " + url.error().message);
  if (url->path.contains('?')) return wrong(node, "url has a query: leave out everything from the ? on");
  auto base = http::base_path(url->path);
  if (!base)
    return wrong(
        node,
        "url has a path that not all servers read alike: write one like https://HOST/path, without a "
        "percent sign, a query or an empty part");
  url->path = *std::move(base);
  return url;
}

Result<std::string> read_header(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "header", R"("header": "Authorization")"));
  if (!http::is_token(text))
    return wrong(node, "header is not the name of a header field: write one like \"Authorization\"");
  if (!http::is_end_to_end(text))
    return wrong(node, "header " + quote(text) +
                           " belongs to a connection, and cannot hold a secret: write one like "
                           "\"Authorization\"");
  return std::string(text);
}

Result<std::string> read_prefix(const Node& object) {
  const Node* part = find_part(object, "prefix");
  if (part == nullptr) return std::string();
  const std::string_view text = TRY(value_for("prefix", part->string()));
  if (!is_printable(text) || text.starts_with(' '))
    return wrong(*part,
                 "prefix begins with a space, or has a letter that is not ASCII: write one like \"Bearer \"");
  if (!text.empty() && (is_letter(text.back()) || is_digit(text.back())))
    return wrong(*part,
                 "prefix ends without a space, and the secret would follow at once: write one like "
                 "\"Bearer \"");
  return std::string(text);
}

// No error shows the text: it may be the secret itself.
Result<std::string> read_secret(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "secret", R"("secret": "NPM_TOKEN")"));
  const std::string instead = ": write the name of the variable that holds it, like \"NPM_TOKEN\"";
  if (!is_variable_name(text)) return wrong(node, "secret is not the name of a variable" + instead);
  if (may_be_token(text)) return wrong(node, "secret looks like a secret itself" + instead);
  if (is_own_variable(text))
    return wrong(node, "secret " + quote(text) + " is a variable that the agent or ostiary needs" + instead);
  return std::string(text);
}

Result<std::string> read_variable(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "variable", R"("variable": "NPM_CONFIG_REGISTRY")"));
  const std::string instead = ": write one like \"NPM_CONFIG_REGISTRY\"";
  if (!is_variable_name(text))
    return wrong(node, "variable " + quote(text) + " is not the name of a variable" + instead);
  if (is_own_variable(text))
    return wrong(node,
                 "variable " + quote(text) + " is one that the agent's programs or ostiary need" + instead);
  return std::string(text);
}

Result<std::string> read_value(const Node& object) {
  const Node* part = find_part(object, "value");
  if (part == nullptr) return std::string(relays_url) + "/";
  const std::string_view text = TRY(value_for("value", part->string()));
  const size_t at = text.find(relays_url);
  if (at == text.npos || text.find(relays_url, at + 1) != text.npos)
    return wrong(*part,
                 "value does not have {url} once, which stands for http://127.0.0.1:PORT: write one like "
                 "\"sparse+{url}/\"");
  if (!is_printable(text)) return wrong(*part, "value has a letter that is not ASCII: take it out");
  return std::string(text);
}

Result<std::vector<std::string>> read_methods(const Node& object) {
  const Node* part = TRY(need(object, "methods", R"("methods": ["GET"])"));
  std::vector<std::string> all;
  for (const Node& item : TRY(value_for("methods", part->array()))) {
    const std::string_view text = TRY(value_for("an entry of methods", item.string()));
    if (std::ranges::find(methods, text) == methods.end())
      return wrong(item, "an entry of methods is not one of " + join(methods, ", ") + ": write one of them");
    all.emplace_back(text);
  }
  if (all.empty()) return wrong(*part, R"(methods is empty: write ["GET"], or leave out the entry of allow)");
  return all;
}

Result<std::string> read_path(const Node& object) {
  const auto [node, text] = TRY(need_text(object, "path", R"("path": "/")"));
  if (!text.starts_with('/'))
    return wrong(node,
                 "path " + quote(text) + " does not begin with /: write " + quote("/" + std::string(text)));
  if (text.contains('*'))
    return wrong(node, "path " + quote(text) + " has a *: write \"below\": true for all paths below one");
  if (text.contains('?') || !http::Path::parse(text))
    return wrong(
        node,
        "path is not one that all servers read alike: write one like \"/\" or \"/v1/items\", without "
        "a slash at its end, a percent sign, a query or an empty part");
  return std::string(text);
}

Result<RelayEntry::Allowed> read_allowed(const Node& object) {
  TRY(value_for("an entry of allow", object.object()));
  TRY(object.only_keys(allow_keys));
  RelayEntry::Allowed allowed{.methods = TRY(read_methods(object)), .path = TRY(read_path(object))};
  if (const Node* below = find_part(object, "below"))
    allowed.below = TRY(value_for("below", below->boolean())) ? Choice::yes : Choice::no;
  return allowed;
}

Result<std::vector<RelayEntry::Allowed>> read_allow(const Node& object) {
  const std::string_view like = R"("allow": [{"methods": ["GET"], "path": "/", "below": true}])";
  const Node* part = TRY(need(object, "allow", like));
  std::vector<RelayEntry::Allowed> all;
  for (const Node& item : TRY(value_for("allow", part->array()))) all.push_back(TRY(read_allowed(item)));
  if (all.empty())
    return wrong(*part, "allow is empty, so the relay would forward nothing: write " + std::string(like));
  return all;
}

Result<RelayEntry> read_relay(const Node& object, const std::string& path) {
  TRY(value_for("an entry of relays", object.object()));
  TRY(object.only_keys(keys));
  return RelayEntry{.name = TRY(read_name(object)),
                    .origin = place(path, object.line()),
                    .url = TRY(read_url(object)),
                    .header = TRY(read_header(object)),
                    .prefix = TRY(read_prefix(object)),
                    .secret = TRY(read_secret(object)),
                    .allow = TRY(read_allow(object)),
                    .variable = TRY(read_variable(object)),
                    .value = TRY(read_value(object))};
}

bool is_of_secret(std::string_view variable, std::string_view secret) {
  return variable == secret || variable == std::string(secret) + "_FILE";
}

// One relay beside an earlier one, or beside itself.
Result<> check_together(const Node& node, const RelayEntry& entry, const RelayEntry& other) {
  if (&entry != &other && entry.name == other.name)
    return wrong(node, "name " + quote(entry.name) + " is another relay's: write another");
  if (&entry != &other && entry.variable == other.variable)
    return wrong(node, "variable " + quote(entry.variable) + " is another relay's: write another");
  for (const auto& [variable, secret] :
       {std::pair(&entry.variable, &other.secret), std::pair(&other.variable, &entry.secret)})
    if (is_of_secret(*variable, *secret))
      return wrong(node, "variable " + quote(*variable) +
                             " would be the secret's, which the agent does not get: write another");
  return {};
}

}  // namespace

Result<std::vector<RelayEntry>> parse_relays(const Node& relays, const std::string& path) {
  std::vector<RelayEntry> entries;
  for (const Node& node : TRY(value_for("relays", relays.array()))) {
    if (entries.size() == max_relays)
      return wrong(node,
                   "relays has more than " + std::to_string(max_relays) + " entries: leave out the rest");
    entries.push_back(TRY(read_relay(node, path)));
    for (const RelayEntry& other : entries) TRY(check_together(node, entries.back(), other));
  }
  return entries;
}

}  // namespace ostiary::config
