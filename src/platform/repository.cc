#include "ostiary/platform/repository.h"

#include <algorithm>
#include <cstddef>

#include <fcntl.h>

#include "ostiary/base/path_walk.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"

namespace ostiary::platform {
namespace {

constexpr size_t max_head = 1024;
constexpr size_t max_config = 65536;

// The value of a line of the configuration, without quotes and what follows it as a comment.
std::string value_of(std::string_view written) {
  std::string value;
  bool is_quoted = false;
  for (const char c : written) {
    if (c == '"')
      is_quoted = !is_quoted;
    else if (!is_quoted && (c == '#' || c == ';'))
      break;
    else
      value += c;
  }
  return std::string(trim(value));
}

// Git takes both ends of line.
std::string_view line_of(std::string_view& text) {
  std::string_view line = take_until(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return trim(line);
}

// Whether the line begins the section of the remote origin.
bool is_origin(std::string_view line) {
  constexpr std::string_view section = "[remote";
  if (!equal_ignoring_case(line.substr(0, section.size()), section)) return false;
  return trim(line.substr(section.size())).starts_with("\"origin\"]");
}

std::string url_of_origin(std::string_view config) {
  bool is_in_origin = false;
  while (!config.empty()) {
    std::string_view line = line_of(config);
    if (line.starts_with('[')) is_in_origin = is_origin(line);
    if (!is_in_origin || !line.contains('=')) continue;
    const std::string_view key = trim(take_until(line, '='));
    if (equal_ignoring_case(key, "url")) return value_of(line);
  }
  return {};
}

// Of "scheme://user@host/path" and "user@host:path". Empty for a path of this machine.
std::string_view path_of(std::string_view url) {
  constexpr std::string_view mark = "://";
  if (const size_t at = url.find(mark); at != std::string_view::npos) {
    if (equal_ignoring_case(url.substr(0, at), "file")) return {};
    url.remove_prefix(at + mark.size());
    return url.substr(std::min(url.find('/'), url.size()));
  }
  const size_t colon = url.find(':');
  return colon < url.find('/') ? url.substr(colon + 1) : std::string_view();
}

bool can_be_in_a_name(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("._-~+/").contains(c);
}

}  // namespace

std::string repository_name(std::string_view config) {
  const std::string url = url_of_origin(config);
  std::string_view name = path_of(url);
  while (name.starts_with('/')) name.remove_prefix(1);
  while (name.ends_with('/')) name.remove_suffix(1);
  if (name.ends_with(".git")) name.remove_suffix(4);
  const bool is_name = std::ranges::all_of(name, can_be_in_a_name) && !may_be_token(name);
  return is_name ? std::string(name) : std::string();
}

std::string branch_name(std::string_view head) {
  constexpr std::string_view branch = "ref: refs/heads/";
  const std::string_view line = line_of(head);
  return line.starts_with(branch) ? std::string(line.substr(branch.size())) : std::string();
}

Repository read_repository(const std::string& directory) {
  constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  const auto opened = PathWalk(Follow::links_of_root_or_ours).open(directory, flags);
  if (!opened) return {};
  const UniqueFd git(::openat(opened->get(), ".git", flags | O_NOFOLLOW));
  if (!git.valid()) return {};
  const std::string path = directory + "/.git";
  return {.name = repository_name(read_file_in(git, path, "config", max_config).value_or("")),
          .branch = branch_name(read_file_in(git, path, "HEAD", max_head).value_or(""))};
}

}  // namespace ostiary::platform
