// Prints how the HTTP readers judge streams, for comparison with other readers. Input, for each
// stream: "q" for requests, "r" for a response, "h" for a response to HEAD; the length in two
// octets; the stream. Output, one line for each stream: the messages, then "more", or "fault" and
// the reason. A message is
//   START,NAME=VALUE,…;BODY;complete
// in hexadecimal octets; "partial" instead of "complete". START is "METHOD TARGET" or "STATUS
// REASON".
#include <cstdio>
#include <string>
#include <vector>

#include "../unit/http/reading.h"
#include "fuzz.h"
#include "ostiary/base/encoding.h"

using namespace ostiary;
using namespace ostiary::http;
using namespace ostiary::http::testing;

namespace {

std::string hex(std::string_view octets) {
  std::string text;
  for (const char octet : octets) append_hexadecimal(text, static_cast<uint8_t>(octet));
  return text;
}

std::string line(const Read& message) {
  std::string text = hex(message.start);
  for (const auto& [name, value] : message.fields) text += "," + hex(name) + "=" + hex(value);
  return text + ";" + hex(message.body) + ";" + (message.complete ? "complete " : "partial ");
}

Outcome judge(char kind, std::string_view stream) {
  Outcome outcome;
  if (kind == 'q') {
    RequestReader reader(UINT64_MAX);
    feed(reader, stream, outcome);
  } else {
    ResponseReader reader(kind == 'h' ? ResponseTo::head : ResponseTo::other, UINT64_MAX);
    feed(reader, stream, outcome);
  }
  return outcome;
}

}  // namespace

int main() {
  std::vector<uint8_t> octets;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) octets.push_back(static_cast<uint8_t>(c));
  fuzz::Input input(octets.data(), octets.size());
  while (!input.empty()) {
    const auto kind = static_cast<char>(input.octet());
    const Outcome outcome = judge(kind, fuzz::as_text(input.take(input.number())));
    std::string text;
    for (const Read& message : outcome.messages) text += line(message);
    text += outcome.fault ? "fault " + std::string(http::text(*outcome.fault)) : "more";
    std::puts(text.c_str());
  }
}
