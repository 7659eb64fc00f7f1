#include "ostiary/confine/identity.h"

#include <algorithm>
#include <optional>

#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <unistd.h>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::confine {
namespace {

// Overrides nsswitch.conf. The keeper loads no NSS module, which could also be built for another C
// library than the one that ostiary brings.
Result<> use_files_only() {
  for (const char* database : {"passwd", "group", "initgroups"})
    if (::__nss_configure_lookup(database, "files") != 0)
      return std::unexpected(Error::system("__nss_configure_lookup", Exit::unavailable));
  return {};
}

// The largest id; the one above it means "no change" to the kernel.
constexpr uint32_t max_id = 0xfffffffe;

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

Result<uint32_t> parse_id(std::string_view text) {
  const auto id = parse_number<uint32_t>(text);
  if (!id || *id > max_id)
    return fail(Exit::configuration, quote(text) + " is not an id from 0 to 4294967294");
  return *id;
}

Result<gid_t> find_group(std::string_view text) {
  if (is_number(text)) return parse_id(text);
  const std::string name(text);
  if (const group* entry = ::getgrnam(name.c_str())) return entry->gr_gid;
  return fail(Exit::configuration,
              "there is no group " + quote(name) + " here: write a group of /etc/group, or a GID");
}

std::vector<gid_t> login_groups(const std::string& name, gid_t gid) {
  int count = 32;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  while (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0)
    groups.resize(std::max(groups.size() * 2, static_cast<size_t>(count)));
  groups.resize(static_cast<size_t>(count));
  std::ranges::sort(groups);
  groups.erase(std::ranges::unique(groups).begin(), groups.end());
  return groups;
}

Identity from_entry(const passwd& entry, std::optional<gid_t> group) {
  const gid_t gid = group.value_or(entry.pw_gid);
  return {.uid = entry.pw_uid,
          .gid = gid,
          .groups = login_groups(entry.pw_name, gid),
          .name = entry.pw_name,
          .home = *entry.pw_dir != '\0' ? entry.pw_dir : "/",
          .shell = *entry.pw_shell != '\0' ? entry.pw_shell : "/bin/sh"};
}

Identity nameless(uid_t uid, gid_t gid) {
  return {
      .uid = uid, .gid = gid, .groups = {gid}, .name = std::to_string(uid), .home = "/", .shell = "/bin/sh"};
}

}  // namespace

Result<Identity> find_identity(std::string_view spec) {
  TRY(use_files_only());
  const size_t colon = spec.find(':');
  const std::string user(spec.substr(0, colon));
  if (user.empty()) return fail(Exit::configuration, "the user is empty: write NAME, UID or UID:GID");
  std::optional<gid_t> group;
  if (colon != std::string_view::npos) group = TRY(find_group(spec.substr(colon + 1)));

  if (!is_number(user)) {
    if (const passwd* entry = ::getpwnam(user.c_str())) return from_entry(*entry, group);
    return fail(Exit::configuration,
                "there is no user " + quote(user) + " here: write a user of /etc/passwd, or UID:GID");
  }
  const uid_t uid = TRY(parse_id(user));
  if (const passwd* entry = ::getpwuid(uid)) return from_entry(*entry, group);
  if (group) return nameless(uid, *group);
  return fail(Exit::configuration, "there is no user with id " + user + " here: write " + user + ":GID");
}

Result<Identity> own_identity() {
  TRY(use_files_only());
  if (const passwd* entry = ::getpwuid(::geteuid())) return from_entry(*entry, ::getegid());
  return nameless(::geteuid(), ::getegid());
}

}  // namespace ostiary::confine
