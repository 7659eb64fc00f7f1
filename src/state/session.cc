#include "ostiary/state/session.h"

#include <optional>
#include <vector>

#include "ostiary/base/text.h"

namespace ostiary::state {
namespace {

constexpr std::string_view version = "ostiary session 3";

void append(std::string& text, std::string_view item) {
  text.append(item).push_back('\0');
}

std::optional<std::vector<gid_t>> parse_groups(std::string_view text) {
  std::vector<gid_t> groups;
  while (!text.empty()) {
    const auto group = parse_number<gid_t>(take_until(text, ','));
    if (!group) return std::nullopt;
    groups.push_back(*group);
  }
  return groups;
}

// Removes the text up to and with the next NUL. Returns it without the NUL.
std::optional<std::string_view> take(std::string_view& text) {
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view item = text.substr(0, end);
  text.remove_prefix(end + 1);
  return item;
}

std::unexpected<Error> malformed() {
  return fail(Exit::missing_input,
              "/run/ostiary/session is malformed or of another version: boot again with ostiary run");
}

}  // namespace

Secret render_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                      std::span<const std::string> environment) {
  std::string groups;
  for (const gid_t group : identity.groups) groups += (groups.empty() ? "" : ",") + std::to_string(group);
  size_t size = 4096;
  for (const std::string& entry : environment) size += entry.size() + 1;
  std::string text;
  text.reserve(size);
  append(text, version);
  for (const std::string& item :
       {std::to_string(identity.uid), std::to_string(identity.gid), groups, identity.name, identity.home,
        identity.shell, std::string(confine::text(identity.domain)), std::string(workdir),
        std::string(network)})
    append(text, item);
  for (const std::string& entry : environment) append(text, entry);
  return Secret(std::move(text));
}

Result<Session> parse_session(std::string_view text) {
  std::vector<std::string_view> items;
  while (const auto item = take(text)) items.push_back(*item);
  if (!text.empty() || items.size() < 10 || items[0] != version) return malformed();
  const auto uid = parse_number<uid_t>(items[1]);
  const auto gid = parse_number<gid_t>(items[2]);
  auto groups = parse_groups(items[3]);
  const auto domain = confine::parse_domain(items[7]);
  if (!uid || !gid || !groups || !domain) return malformed();
  Session session;
  session.identity = {.uid = *uid,
                      .gid = *gid,
                      .groups = std::move(*groups),
                      .name = std::string(items[4]),
                      .home = std::string(items[5]),
                      .shell = std::string(items[6]),
                      .domain = *domain};
  session.workdir = items[8];
  session.network = items[9];
  session.environment = config::Environment({items.begin() + 10, items.end()});
  return session;
}

}  // namespace ostiary::state
