// relay/api_error.h: an answer of the relay itself: text, or an error of Anthropic's API.
// The answer ends its connection.
#pragma once

#include <cstdint>
#include <string>

#include "ostiary/http/response_reader.h"
#include "ostiary/link/relay_setup.h"

namespace ostiary::relay {

struct ApiError {
  uint16_t status = 0;
  std::string reason;  // one line for a person, without a secret
};

// The whole response. A client may send a request again after 503. To HEAD it has no body.
std::string response_text(const ApiError& error, ErrorForm form,
                          http::ResponseTo request = http::ResponseTo::other);

}  // namespace ostiary::relay
