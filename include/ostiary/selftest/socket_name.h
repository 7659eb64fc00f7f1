// selftest/socket_name.h: the name of a Unix socket, and the waiver of one.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::selftest {

// A path, or an abstract name. The first octet of an abstract name is 0, which is written as @.
class SocketName {
 public:
  explicit SocketName(std::string octets) : octets_(std::move(octets)) {}

  bool is_abstract() const { return octets_.starts_with('\0'); }
  const std::string& octets() const { return octets_; }
  // On one line. Every octet 0 of an abstract name is written as @.
  std::string text() const;

  auto operator<=>(const SocketName&) const = default;

 private:
  std::string octets_;
};

// The names that a waiver covers, with the links of its directory followed.
struct SocketPattern {
  std::string text;
  bool is_prefix = false;

  bool covers(const SocketName& name) const;
};

// Sockets that the agent may connect to: "/run/app.sock", "@name", or a prefix that ends with *.
// A symbolic link in a path's directory is followed only if no user but root could have made it:
// the agent may have left it for the next boot.
class SocketWaiver {
 public:
  static Result<SocketWaiver> parse(std::string_view text);

  // Reads the file system.
  SocketPattern pattern() const;
  bool covers(const SocketName& name) const { return pattern().covers(name); }
  bool is_abstract() const { return text_.starts_with('@'); }
  // The path of the link that pattern() does not follow. Such a waiver covers no socket behind the
  // link.
  std::optional<std::string> unfollowed_link() const;
  const std::string& text() const { return text_; }

  bool operator==(const SocketWaiver&) const = default;

 private:
  explicit SocketWaiver(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace ostiary::selftest
