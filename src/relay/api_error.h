// relay/api_error.h: an answer of the relay itself, in the form of an error of Anthropic's API.
// The answer ends its connection.
#pragma once

#include <cstdint>
#include <string>

#include "ostiary/http/response_reader.h"

namespace ostiary::relay {

struct ApiError {
  uint16_t status = 0;
  std::string reason;  // one line for a person, without a secret
};

// The whole response. A client may send a request again after 503. To HEAD it has no body.
std::string response_text(const ApiError& error, http::ResponseTo request = http::ResponseTo::other);

}  // namespace ostiary::relay
