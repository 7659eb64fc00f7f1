#include "ostiary/selftest/socket_name.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>

#include "ostiary/base/escape.h"
#include "ostiary/base/path_walk.h"
#include "ostiary/base/quote.h"

namespace ostiary::selftest {
namespace {

constexpr size_t shortest_waiver = 3;  // "/*" and "@*" would waive every socket

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/') + 1);
}

// The path itself if its directory cannot be opened, or lies behind a link that is not followed.
std::string with_trusted_directory(const std::string& path) {
  const std::string written = directory_of(path);
  PathWalk walk(Follow::links_that_only_root_could_make);
  if (!walk.open(written, O_PATH | O_CLOEXEC)) return path;
  const std::string real = walk.directory();
  return (real.ends_with('/') ? real : real + "/") + path.substr(written.size());
}

}  // namespace

std::string SocketName::text() const {
  std::string text = octets_;
  if (is_abstract()) std::ranges::replace(text, '\0', '@');
  return escape_controls(text);
}

Result<SocketWaiver> SocketWaiver::parse(std::string_view text) {
  if (!text.starts_with('/') && !text.starts_with('@'))
    return fail(Exit::configuration,
                quote(text) + " is not the name of a socket: write its absolute path, or @NAME");
  if (text.size() < shortest_waiver || text.substr(0, text.size() - 1).contains('*') ||
      escape_controls(text) != text)
    return fail(Exit::configuration,
                quote(text) + " is not the name of a socket: write its path, with at most one * at the end");
  return SocketWaiver(std::string(text));
}

bool SocketPattern::covers(const SocketName& name) const {
  const std::string other = name.text();
  return is_prefix ? other.starts_with(text) : other == text;
}

SocketPattern SocketWaiver::pattern() const {
  const bool is_prefix = text_.ends_with('*');
  std::string written = is_prefix ? text_.substr(0, text_.size() - 1) : text_;
  if (written.starts_with('/')) written = escape_controls(with_trusted_directory(written));
  return {.text = std::move(written), .is_prefix = is_prefix};
}

std::optional<std::string> SocketWaiver::unfollowed_link() const {
  if (!text_.starts_with('/')) return std::nullopt;
  PathWalk walk(Follow::links_that_only_root_could_make);
  (void)walk.open(directory_of(text_), O_PATH | O_CLOEXEC);
  return walk.unfollowed();
}

}  // namespace ostiary::selftest
