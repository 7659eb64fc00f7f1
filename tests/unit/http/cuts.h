// cuts.h: reads a stream that arrives in pieces, cut in each way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reading.h"

namespace ostiary::http::testing {

using Pieces = std::vector<std::string>;

Pieces single_octets(std::string_view stream);

inline constexpr uint64_t body_limit = 1000;
Outcome read_requests(const Pieces& pieces);

enum class Ending : uint8_t { open, closed };
Outcome read_response(const Pieces& pieces, ResponseTo request, Ending ending);

// The outcome of a stream that arrives whole. It is the same for single octets, and for two pieces
// that are cut at any position.
Outcome requests(std::string_view stream);
Outcome response(std::string_view stream, ResponseTo request = ResponseTo::other,
                 Ending ending = Ending::open);

}  // namespace ostiary::http::testing
