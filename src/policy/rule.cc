#include "ostiary/policy/rule.h"

namespace ostiary::policy {
namespace {

struct SubjectText {
  std::string operator()(const inet::HostName& name) const { return name.text(); }
  std::string operator()(const Wildcard& wildcard) const { return "*." + wildcard.suffix.text(); }
  std::string operator()(const inet::Prefix& prefix) const {
    const bool single = inet::Prefix::single(prefix.network()) == prefix;
    return single ? prefix.network().text() : prefix.text();
  }
};

}  // namespace

std::string text(const Subject& subject) {
  return std::visit(SubjectText{}, subject);
}

std::string_view text(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp:
      return "tcp";
    case Protocol::udp:
      return "udp";
    case Protocol::both:
      return "both";
  }
  return "none";
}

std::string text(const Rule& rule) {
  const auto* prefix = std::get_if<inet::Prefix>(&rule.subject);
  const bool bracketed = prefix != nullptr && prefix->network().family() == inet::Family::ipv6;
  std::string written = bracketed ? "[" + text(rule.subject) + "]" : text(rule.subject);
  if (written == "preset") written += ".";  // "preset:443" would be read as a preset
  return written + ":" + rule.ports.text() + "/" + std::string(text(rule.protocol));
}

}  // namespace ostiary::policy
