// Prints how the gate judges streams of requests, for comparison with servers. Input, for each stream: the length in two
// octets; the stream. Output, one line for each: "passes", also with the end of the connection behind it; "goes on", but may
// not end there; or "refused".
#include <cstdio>
#include <vector>

#include "fuzz.h"
#include "request_gate.h"

using namespace ostiary;
using fuzz::Gate;
using fuzz::Judge;

namespace {

const char* judge(std::string_view stream) {
  Gate gate;
  if (gate.send(0, stream, false) != Judge::Verdict::pass) return "refused";
  return gate.send(stream.size(), {}, true) == Judge::Verdict::pass ? "passes" : "goes on";
}

}  // namespace

int main() {
  std::vector<uint8_t> octets;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) octets.push_back(static_cast<uint8_t>(c));
  fuzz::Input input(octets.data(), octets.size());
  while (!input.empty()) std::puts(judge(fuzz::as_text(input.take(input.number()))));
}
