// Prints requests of telemetry with the attributes "service.name=claude-code" and "a=", for comparison with
// the protobuf library. Input, for each request: the length in two octets; the request. Output, one line
// for each: the rewritten request in hexadecimal octets, or "malformed".
#include <cstdio>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/base/encoding.h"
#include "ostiary/otlp/identity.h"

using namespace ostiary;

int main() {
  std::vector<uint8_t> octets;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) octets.push_back(static_cast<uint8_t>(c));
  const std::vector<otlp::Attribute> ours{{"service.name", "claude-code"}, {"a", ""}};
  const otlp::Identity identity(ours);
  fuzz::Input input(octets.data(), octets.size());
  while (!input.empty()) {
    const auto rewritten = identity.applied_to(fuzz::as_text(input.take(input.number())));
    std::string text;
    for (const char octet : rewritten.value_or("")) append_hexadecimal(text, static_cast<uint8_t>(octet));
    std::puts(rewritten ? text.c_str() : "malformed");
  }
}
