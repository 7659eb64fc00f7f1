#include "ostiary/net/resolver_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::net {
namespace {

constexpr std::string_view heading =
    "# Written by ostiary. The original lines follow, each after '#ostiary '.\n";
// Files that other versions of ostiary wrote begin like this.
constexpr std::string_view other_heading =
    "# The gate of ostiary answers here; what was here before is behind #ostiary.\n";
constexpr std::string_view kept = "#ostiary ";

constexpr size_t max_original = 64 * 1024;
constexpr size_t max_file = 1024 * 1024;
// Our text has each line of the original behind a mark, and the lines about names once more.
static_assert(max_original * (kept.size() + 2) + max_original + 1024 <= max_file);

void for_each_line(std::string_view text, auto visit) {
  while (!text.empty()) visit(take_until(text, '\n'));
}

bool is_about_names(std::string_view line) {
  const std::string_view word = take_word(line);
  return word == "search" || word == "domain" || word == "options";
}

bool write_at(const UniqueFd& fd, std::string_view text, size_t offset) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<size_t>(written);
  }
  return true;
}

bool set_length(const UniqueFd& fd, size_t length) {
  return ::ftruncate(fd.get(), static_cast<off_t>(length)) == 0;
}

// Only growing takes space, so that comes first: if there is none, the file stays as it was. No
// block is given up before its content is written, because a process that fills the file system
// would take it.
Result<> overwrite(const UniqueFd& fd, const std::string& path, std::string_view text) {
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return std::unexpected(Error::system(path));
  const auto length = static_cast<size_t>(found.st_size);
  const size_t in_place = std::min(length, text.size());
  if (!write_at(fd, text.substr(in_place), in_place)) {
    auto failure = std::unexpected(Error::system(path));
    (void)set_length(fd, length);
    return failure;
  }
  if (!write_at(fd, text.substr(0, in_place), 0) || !set_length(fd, text.size()))
    return std::unexpected(Error::system(path));
  return {};
}

bool holds(const UniqueFd& fd, std::string_view text) {
  std::string found(text.size() + 1, '\0');
  const ssize_t got = ::pread(fd.get(), found.data(), found.size(), 0);
  return std::cmp_equal(got, text.size()) && found.starts_with(text);
}

}  // namespace

std::string original_of(std::string_view text) {
  if (!text.starts_with(heading) && !text.starts_with(other_heading)) return std::string(text);
  std::string original;
  for_each_line(text, [&](std::string_view line) {
    if (line.starts_with(kept)) original.append(line.substr(kept.size())).append("\n");
  });
  return original;
}

std::string pointed_at_gate(std::string_view original) {
  std::string text(heading);
  text += "nameserver 127.0.0.1\n";
  for_each_line(original, [&](std::string_view line) {
    if (is_about_names(line)) text.append(line).append("\n");
  });
  for_each_line(original, [&](std::string_view line) { text.append(kept).append(line).append("\n"); });
  return text;
}

Result<ResolverFile> ResolverFile::read(std::string path) {
  std::string text;
  if (file_exists(path)) text = TRY(read_file(path, max_file));
  std::string original = original_of(text);
  if (original.size() > max_original)
    return fail(Exit::configuration,
                path + ": is longer than 64 KiB: take out what is no setting of the resolver");
  return ResolverFile(std::move(path), std::move(original));
}

Result<> ResolverFile::point_at_gate() {
  pointed_ = UniqueFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!pointed_.valid()) return std::unexpected(Error::system(path_));
  Result<> pointed = overwrite(pointed_, path_, pointed_at_gate(original_));
  if (!pointed && !holds(pointed_, original_) && !overwrite(pointed_, path_, original_))
    pointed.error().message += ", and the original could not be put back";
  return pointed;
}

Result<> ResolverFile::put_back() const {
  if (!pointed_.valid() || holds(pointed_, original_)) return {};
  const bool is_ours = holds(pointed_, pointed_at_gate(original_));
  const Result<> written = overwrite(pointed_, path_, original_);
  // The next boot finds the original in our text, but no text of the agent.
  if (!written && !is_ours) (void)set_length(pointed_, 0);
  return written;
}

}  // namespace ostiary::net
