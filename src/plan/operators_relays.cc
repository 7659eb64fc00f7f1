#include "operators_relays.h"

#include <algorithm>
#include <array>

#include "ostiary/base/text.h"
#include "ostiary/claude/api.h"
#include "ostiary/telemetry/authorities.h"
#include "rules.h"

namespace ostiary::plan {
namespace {

using config::Choice;
using config::RelayEntry;
using relay::AllowedRequests;

static_assert(config::max_relays == relay::limits::operators_forwards);

// After that of the API.
constexpr uint16_t first_port = claude::api_port + 1;

// Of npm and its kin, git over HTTP, cargo and GitHub's API, beside those that describe the content:
// http/forwardable.h.
constexpr std::array<std::string_view, 8> passing_fields{
    "cargo-protocol", "git-protocol", "npm-command", "npm-in-ci",
    "npm-scope",      "npm-session",  "pacote-",     "x-github-api-version"};

std::vector<AllowedRequests> allowed_by(const RelayEntry& entry) {
  using Match = AllowedRequests::Match;
  std::vector<AllowedRequests> allowed;
  for (const RelayEntry::Allowed& each : entry.allow)
    allowed.push_back({.methods = each.methods,
                       .path = each.path,
                       .match = each.below == Choice::yes ? Match::with_paths_below : Match::exact});
  return allowed;
}

Result<Secret> header_line(const RelayEntry& entry) {
  const std::string_view secret = entry.credential.value.reveal();
  if (!std::ranges::all_of(secret, is_graphic))
    return fail(Exit::configuration,
                entry.credential.origin +
                    ": has a space, or a letter that is not ASCII: write the secret of the relay " +
                    entry.name + " alone; what precedes it in the header is its \"prefix\"");
  std::string line;
  line.reserve(entry.header.size() + entry.prefix.size() + secret.size() + 4);
  append(line, {entry.header, ": ", entry.prefix, secret, "\r\n"});
  return Secret(std::move(line));
}

std::string value_for(const RelayEntry& entry, uint16_t port) {
  std::string value = entry.value;
  return value.replace(value.find(config::relays_url), config::relays_url.size(),
                       "http://127.0.0.1:" + std::to_string(port));
}

}  // namespace

// The client's certificate of the environment is for other servers.
Result<relay::Forward> make_forward(const RelayEntry& entry, size_t number, const config::Config& config) {
  const auto port = static_cast<uint16_t>(first_port + number);
  const inet::Destination& destination = entry.url.destination;
  return relay::Forward{.setup = {.name = entry.name,
                                  .port = port,
                                  .server = {.scheme = entry.url.scheme, .destination = destination},
                                  .authority = inet::authority(entry.url.scheme, destination),
                                  .base_path = entry.url.path,
                                  .replaced = {entry.header},
                                  .passing = {passing_fields.begin(), passing_fields.end()},
                                  .allowed = allowed_by(entry),
                                  .tls_files = telemetry::find_authorities(lookup_in(config))},
                        .header_line = TRY(header_line(entry)),
                        .terms = {.rule = {.subject = policy::subject_of(destination.host),
                                           .ports = inet::PortSet(destination.port),
                                           .answers = policy::Answers::private_too,
                                           .reason = "relay " + entry.name},
                                  .variables = {{.name = entry.variable,
                                                 .value = value_for(entry, port),
                                                 .place = relay::AgentVariable::Place::managed_settings_too}},
                                  .setting = "relays",
                                  .host_setting = "the url of " + entry.name}};
}

}  // namespace ostiary::plan
