#include "ostiary/audit/target.h"

#include <unistd.h>

#include "audit/path.h"
#include "ostiary/base/guarded_directory.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::audit {

Result<Target> parse_target(std::string_view text) {
  const auto wrong = [text](std::string_view what) {
    return fail(Exit::configuration, quote_unless_password(text, "its value") + std::string(what));
  };
  if (text == "stderr") return ToStandardError{};
  if (text == "none") return ToNobody{};
  if (text.starts_with("fd:")) {
    const auto number = parse_number<int>(text.substr(3));
    if (number && *number > STDERR_FILENO) return ToDescriptor{*number};
    return wrong(": is not a descriptor for the audit: write fd: and a number of 3 or more, like fd:7");
  }
  if (!text.starts_with('/'))
    return wrong(": is not a target for the audit: write an absolute path, fd:N, stderr or none");
  if (text == "/dev/null") return wrong(": discards the audit: write none");
  for (const std::string_view place : {"/dev/std", "/dev/fd/", "/proc/", "/sys/"})
    if (text.starts_with(place))
      return wrong(": is not a regular file: write an absolute path, fd:N, stderr or none");
  if (text.contains('\0')) return wrong(": contains a NUL: remove it");
  const auto [directory, name] = split(text);
  if (directory.empty()) return wrong(": write a file in a directory, not one in /");
  if (!check_path(directory, name))
    return wrong(": write the path of a file without \".\", \"..\" or a / at the end");
  return ToFile{std::string(text)};
}

}  // namespace ostiary::audit
