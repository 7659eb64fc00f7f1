#include "ostiary/net/resolver_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::net {
namespace {

constexpr std::string_view heading =
    "# The gate of ostiary answers here; what was here before is behind #ostiary.\n";
constexpr std::string_view kept = "#ostiary ";

constexpr size_t max_original = 64 * 1024;
constexpr size_t max_file = 1024 * 1024;
// What we write holds each line of the original behind a mark, and those about names once more.
static_assert(max_original * (kept.size() + 2) + max_original + 1024 <= max_file);

void for_each_line(std::string_view text, auto visit) {
  while (!text.empty()) visit(take_until(text, '\n'));
}

bool is_about_names(std::string_view line) {
  const std::string_view word = take_word(line);
  return word == "search" || word == "domain" || word == "options";
}

Result<> write_whole(const UniqueFd& fd, const std::string& path, std::string_view text) {
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return std::unexpected(Error::system(path));
  return {};
}

}  // namespace

std::string original_of(std::string_view text) {
  if (!text.starts_with(heading)) return std::string(text);
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
  pointed_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  if (!pointed_.valid()) return std::unexpected(Error::system(path_));
  return write_whole(pointed_, path_, pointed_at_gate(original_));
}

Result<> ResolverFile::put_back() const {
  return pointed_.valid() ? write_whole(pointed_, path_, original_) : Result<>{};
}

}  // namespace ostiary::net
