#include "ostiary/selftest/socket_name.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>

#include "ostiary/base/escape.h"
#include "ostiary/base/quote.h"
#include "socket_files.h"

namespace ostiary::selftest {
namespace {

constexpr size_t shortest_waiver = 3;  // "/*" and "@*" would waive every socket

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

bool SocketWaiver::covers(const SocketName& name) const {
  const std::string text = name.text();
  const bool is_prefix = text_.ends_with('*');
  std::string written = is_prefix ? text_.substr(0, text_.size() - 1) : text_;
  if (written.starts_with('/')) written = escape_controls(with_real_directory(written));
  return is_prefix ? text.starts_with(written) : text == written;
}

}  // namespace ostiary::selftest
