#include "path_warnings.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/path_walk.h"
#include "ostiary/base/quote.h"
#include "ostiary/config/secrets.h"
#include "ostiary/confine/identity.h"

namespace ostiary::cli {
namespace {

// The owner may change the permissions.
bool may_write(const confine::Identity& identity, const struct stat& file) {
  if (file.st_uid == identity.uid) return true;
  const bool in_group =
      file.st_gid == identity.gid || std::ranges::find(identity.groups, file.st_gid) != identity.groups.end();
  return (file.st_mode & (in_group ? S_IWGRP : S_IWOTH)) != 0;
}

// In a sticky directory only the owner of an entry, or of the directory, may replace it.
bool may_replace(const confine::Identity& identity, const PathStep& step) {
  return step.place == Writable::yes && may_write(identity, step.directory) &&
         ((step.directory.st_mode & S_ISVTX) == 0 || step.directory.st_uid == identity.uid ||
          step.entry.st_uid == identity.uid);
}

std::string parent_of(const std::string& path) {
  return path.substr(0, std::max<size_t>(path.rfind('/'), 1));
}

// The file, or the directory on the way to it, by which the identity can change what is at the
// path.
std::optional<std::string> weak_point(const std::string& path, const confine::Identity& identity) {
  PathWalk walk(Follow::links_of_root_or_ours);
  if (!walk.open(path, O_PATH | O_CLOEXEC) || walk.steps().empty()) return std::nullopt;
  for (const PathStep& step : walk.steps())
    if (may_replace(identity, step)) return parent_of(step.path);
  const PathStep& file = walk.steps().back();
  return file.content == Writable::yes && may_write(identity, file.entry) ? std::optional(file.path)
                                                                          : std::nullopt;
}

void warn_of_policy(plan::Plan& plan, const config::Config& config) {
  if (config.policy_path.empty()) return;
  const auto place = weak_point(config.policy_path, plan.agent.identity);
  if (!place) return;
  plan.warnings.push_back("the agent can change the policy " +
                          quote_unless_password(config.policy_path, "file") + ", because it can write to " +
                          *place +
                          ", and so set the rules of the next boot: keep the policy where only root can "
                          "write, such as /etc/ostiary, or mount it read-only");
}

std::set<std::string_view> secrets_of_relays(const config::Config& config) {
  std::set<std::string_view> names;
  for (const config::RelayEntry& each : config.relays) names.emplace(each.secret);
  return names;
}

std::vector<std::string_view> names_of_secrets(const config::Config& config) {
  std::vector<std::string_view> names{config::module_name};
  names.insert(names.end(), config::grafana_names.begin(), config::grafana_names.end());
  names.insert(names.end(), config::header_names.begin(), config::header_names.end());
  names.insert(names.end(), config::agent_names.begin(), config::agent_names.end());
  const auto of_relays = secrets_of_relays(config);
  names.insert(names.end(), of_relays.begin(), of_relays.end());
  return names;
}

// The agent could rename another file of root's to that path.
void warn_of_secrets(plan::Plan& plan, const config::Config& config) {
  for (const std::string_view name : names_of_secrets(config)) {
    const std::string variable = std::string(name) + "_FILE";
    const std::string path(config.environment.get(variable));
    if (path.empty()) continue;
    const auto place = weak_point(path, plan.agent.identity);
    if (!place) continue;
    plan.warnings.push_back("the agent can change the file of " + variable + ", because it can write to " +
                            *place +
                            ", and so choose what the next boot takes for the secret: keep the file where "
                            "only root can write, such as /run/secrets");
  }
}

bool may_read(const confine::Identity& identity, const struct stat& file) {
  if (identity.uid == 0 || file.st_uid == identity.uid) return true;
  const bool in_group =
      file.st_gid == identity.gid || std::ranges::find(identity.groups, file.st_gid) != identity.groups.end();
  return (file.st_mode & (in_group ? S_IRGRP : S_IROTH)) != 0;
}

// Whether the agent can open the file itself, for all that ostiary knows: a directory on the way may hide it.
void warn_if_readable(plan::Plan& plan, const std::string& path, std::string_view content) {
  struct stat file{};
  if (path.empty() || ::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return;
  if (!may_read(plan.agent.identity, file)) return;
  plan.warnings.push_back(
      "the agent can read " + quote_unless_password(path, "the file") + " of " + std::string(content) +
      ", so the relay does not keep it from the agent: " +
      (plan.agent.identity.uid == 0 ? "name a user with --user" : "give the file to root, with mode 0400"));
}

void warn_if_readable(plan::Plan& plan, const config::Config& config, std::string_view name) {
  const std::string named(config.environment.get(std::string(name) + "_FILE"));
  warn_if_readable(plan, named.empty() ? "/run/secrets/" + std::string(name) : named, name);
}

// The relay keeps credentials out of the agent: of no use if the agent can read the files that they came in.
void warn_of_readable_secrets(plan::Plan& plan, const config::Config& config) {
  if (!plan.relay) return;
  const relay::Setup& setup = plan.relay->setup;
  const std::string policy = config.policy_path, key = setup.tls_files.client_key;
  const bool has_collectors = !setup.collectors.empty();
  if (has_collectors) {
    for (const std::string_view name : config::grafana_names) warn_if_readable(plan, config, name);
    for (const std::string_view name : config::header_names) warn_if_readable(plan, config, name);
    warn_if_readable(plan, config, config::module_name);
    if (config.module && !config.module->headers.empty() && config.module->origin.starts_with(policy))
      warn_if_readable(plan, policy, "the collector's headers");
    warn_if_readable(plan, key, "the client's key");
  }
  for (const std::string_view name : secrets_of_relays(config)) warn_if_readable(plan, config, name);
  if (config.api_relay == config::Choice::yes) {
    for (const std::string_view name : config::agent_names) warn_if_readable(plan, config, name);
    for (const relay::ForwardSetup& each : setup.forwards)
      if (each.tls_files.client_key != key || !has_collectors)
        warn_if_readable(plan, each.tls_files.client_key, "the client's key");
  }
}

void warn_of_waivers(plan::Plan& plan) {
  for (const selftest::SocketWaiver& waiver : plan.enclosure.allowed_sockets)
    if (const auto link = waiver.unfollowed_link())
      plan.warnings.push_back("--allow-socket " + waiver.text() + " allows no socket behind the link " +
                              *link +
                              ", which another user than root could have made: write the path without links");
}

}  // namespace

void warn_of_paths(plan::Plan& plan, const config::Config& config) {
  const confine::Identity& agent = plan.agent.identity;
  if (agent.uid != 0 && agent.uid != ::geteuid()) {
    warn_of_policy(plan, config);
    warn_of_secrets(plan, config);
  }
  warn_of_readable_secrets(plan, config);
  warn_of_waivers(plan);
}

}  // namespace ostiary::cli
