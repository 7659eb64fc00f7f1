#include "cuts.h"

#include <doctest/doctest.h>

namespace ostiary::http::testing {
namespace {

Outcome same_for_all_cuts(std::string_view stream, auto read) {
  const Outcome whole = read(Pieces{std::string(stream)});
  REQUIRE(read(single_octets(stream)) == whole);
  for (size_t i = 1; i < stream.size(); ++i)
    REQUIRE(read(Pieces{std::string(stream.substr(0, i)), std::string(stream.substr(i))}) == whole);
  return whole;
}

// A fault is final.
template <typename Reader>
void check(Reader& reader, const Outcome& outcome, std::string_view good) {
  CHECK(outcome.as_promised);
  if (outcome.fault) CHECK(std::get<Fault>(reader.next(good)) == *outcome.fault);
}

}  // namespace

Pieces single_octets(std::string_view stream) {
  Pieces pieces;
  for (const char octet : stream) pieces.emplace_back(1, octet);
  return pieces;
}

Outcome read_requests(const Pieces& pieces) {
  RequestReader reader(body_limit);
  Outcome outcome;
  for (const std::string& piece : pieces) feed(reader, piece, outcome);
  check(reader, outcome, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  return outcome;
}

Outcome read_response(const Pieces& pieces, ResponseTo request, Ending ending) {
  ResponseReader reader(request, body_limit);
  Outcome outcome;
  for (const std::string& piece : pieces) feed(reader, piece, outcome);
  if (ending == Ending::closed && !outcome.fault) add(reader.end(), {}, outcome);
  check(reader, outcome, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  if (outcome.fault) CHECK(std::get<Fault>(reader.end()) == *outcome.fault);
  return outcome;
}

Outcome requests(std::string_view stream) {
  return same_for_all_cuts(stream, read_requests);
}

Outcome response(std::string_view stream, ResponseTo request, Ending ending) {
  return same_for_all_cuts(stream,
                           [&](const Pieces& pieces) { return read_response(pieces, request, ending); });
}

}  // namespace ostiary::http::testing
