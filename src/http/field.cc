#include "ostiary/http/field.h"

namespace ostiary::http {
namespace {

bool is_disguised(std::string_view name) {
  return resembles_any(name, framing_names) &&
         std::ranges::none_of(framing_names,
                              [&](std::string_view each) { return equal_ignoring_case(name, each); });
}

}  // namespace

std::expected<Field, Fault> read_field(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) return std::unexpected(Fault::folded_line);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::unexpected(Fault::field_line);
  const Field field{line.substr(0, colon), trim(line.substr(colon + 1))};
  if (!is_token(field.name)) return std::unexpected(Fault::field_name);
  if (is_disguised(field.name)) return std::unexpected(Fault::disguised_name);
  return field;
}

std::expected<Version, Fault> read_version(std::string_view text, Fault malformed) {
  if (text == "HTTP/1.1") return Version::http_1_1;
  if (text == "HTTP/1.0") return Version::http_1_0;
  const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                           text[6] == '.' && is_digit(text[7]);
  return std::unexpected(well_formed ? Fault::version : malformed);
}

std::expected<Persistence, Fault> read_persistence(std::span<const Field> fields, Version version) {
  auto persistence = version == Version::http_1_1 ? Persistence::keep : Persistence::close;
  const auto read = for_each_connection_option(fields, [&](std::string_view option) {
    if (equal_ignoring_case(option, "close")) persistence = Persistence::close;
  });
  if (!read) return std::unexpected(read.error());
  return persistence;
}

}  // namespace ostiary::http
