// The encoding of messages between our own processes. A record is read as it was written, and every
// prefix of it is malformed. Any octets that a reader accepts are the ones that a writer writes.
#include <array>
#include <string>
#include <variant>
#include <vector>

#include "fuzz.h"
#include "ostiary/base/record.h"

using namespace ostiary;

namespace {

enum class Kind : uint8_t { first, second, last = 0xff };
constexpr std::array kinds{Kind::first, Kind::second, Kind::last};

using Field = std::variant<Kind, uint32_t, std::string>;
using Fields = std::vector<Field>;

constexpr size_t max_fields = 16;

Fields read_fields(fuzz::Input& input) {
  Fields fields;
  while (!input.empty() && fields.size() < max_fields) {
    const uint8_t octet = input.octet();
    if (octet == 0) break;
    if (octet % 3 == 0) fields.emplace_back(kinds[octet / 3U % kinds.size()]);
    if (octet % 3 == 1) fields.emplace_back(uint32_t{input.number()} << 16U | input.number());
    if (octet % 3 == 2) fields.emplace_back(std::string(fuzz::as_text(input.take(input.octet()))));
  }
  return fields;
}

std::string write(const Fields& fields) {
  RecordWriter writer;
  for (const Field& field : fields) {
    if (const auto* kind = std::get_if<Kind>(&field)) writer.enumerator(*kind);
    if (const auto* number = std::get_if<uint32_t>(&field)) writer.number(*number);
    if (const auto* text = std::get_if<std::string>(&field)) writer.text(*text);
  }
  return writer.take();
}

// Fields of the same types as `like`.
struct Reading {
  Fields fields;
  bool complete = false;
};
Reading read(std::string_view octets, const Fields& like) {
  RecordReader reader(octets);
  Reading reading;
  for (const Field& field : like) {
    if (std::holds_alternative<Kind>(field)) reading.fields.emplace_back(reader.enumerator(kinds));
    if (std::holds_alternative<uint32_t>(field)) reading.fields.emplace_back(reader.number());
    if (std::holds_alternative<std::string>(field)) reading.fields.emplace_back(reader.text());
  }
  reading.complete = reader.complete();
  return reading;
}

void check_any_octets(std::string_view octets, const Fields& like) {
  const Reading reading = read(octets, like);
  if (reading.complete) HOLDS(write(reading.fields) == octets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const Fields fields = read_fields(input);
  std::string octets = write(fields);
  const Reading reading = read(octets, fields);
  HOLDS(reading.complete && reading.fields == fields);
  for (size_t prefix = 0; prefix < octets.size(); ++prefix)
    HOLDS(!read(std::string_view(octets).substr(0, prefix), fields).complete);
  if (!octets.empty()) {
    octets[input.number() % octets.size()] ^= static_cast<char>(input.octet());
    check_any_octets(octets, fields);
  }
  check_any_octets(input.rest_as_text(), fields);
  return 0;
}
