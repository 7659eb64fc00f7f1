#include "ostiary/config/secrets.h"

#include <algorithm>
#include <string>
#include <vector>

#include "ostiary/base/escape.h"

namespace ostiary::config {
namespace {

Result<std::optional<Sourced>> one_line(Secret value, std::string origin) {
  const std::string_view text = value.reveal();
  const bool control = std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (control)
    return fail(Exit::configuration,
                origin + ": holds a line end or another control character: write one line");
  return Sourced{std::move(value), std::move(origin)};
}

constexpr size_t max_secret = 65536;

Result<std::optional<Secret>> from_file(const std::string& path, const Sources& sources) {
  std::optional<std::string> text = TRY(sources.read_file(path));
  if (!text) return std::nullopt;
  const Secret whole(std::move(*text));
  if (whole.reveal().size() > max_secret)
    return fail(Exit::configuration, escape_controls(path) + ": is larger than 64 KiB");
  std::string_view line = whole.reveal();
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return Secret(std::string(line));
}

}  // namespace

Result<std::optional<Sourced>> find_secret(std::string_view name, Lines lines, const Sources& sources) {
  const std::string variable(name);
  const std::string file_variable = variable + "_FILE";
  const std::string default_path = "/run/secrets/" + variable;
  std::vector<Sourced> found;

  if (const std::string_view value = sources.environment.get(variable); !value.empty())
    found.push_back({Secret(std::string(value)), variable});

  const std::string path(sources.environment.get(file_variable));
  if (!path.empty()) {
    auto content = from_file(path, sources);
    if (!content) return std::unexpected(std::move(content).error().within(file_variable));
    // Do not show the path: it may be the secret itself, in the wrong variable.
    if (!*content)
      return fail(Exit::missing_input,
                  file_variable +
                      ": there is no file at the path that it holds: write the path of a file, "
                      "or the secret itself as " +
                      variable);
    found.push_back({std::move(**content), file_variable + " (" + escape_controls(path) + ")"});
  }
  if (path != default_path) {
    auto content = TRY(from_file(default_path, sources));
    if (content) found.push_back({std::move(*content), default_path});
  }

  std::erase_if(found, [](const Sourced& each) { return each.value.empty(); });
  if (found.empty()) return std::nullopt;
  if (found.size() > 1)
    return fail(Exit::configuration, variable + ": given twice, as " + found[0].origin + " and as " +
                                         found[1].origin + ": keep one of them");
  if (lines == Lines::several) return std::move(found[0]);
  return one_line(std::move(found[0].value), std::move(found[0].origin));
}

}  // namespace ostiary::config
