// relay/forwarding.h: what of a request reaches the server, and what of its response the client.
// - Only the allowed methods and paths are forwarded, to this one server alone.
// - The operator's header fields replace those of the client, and a client's credential never passes.
// - Redirects are not followed. One to the same server passes as a path; another becomes 502.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "ostiary/base/secret.h"
#include "ostiary/http/path.h"
#include "ostiary/http/request_reader.h"
#include "ostiary/http/response_reader.h"
#include "ostiary/inet/destination.h"
#include "relay/api_error.h"

namespace ostiary::relay {

struct Allowed {
  enum class Match : uint8_t { exact, with_paths_below };

  std::vector<std::string> methods;
  http::Path path;
  Match match = Match::exact;
};

struct Forwarding {
  enum class Transport : uint8_t { tls, plain_text };

  inet::Destination destination;
  std::string authority;              // for the Host field
  std::string base_path;              // in front of the client's path: "" or "/x"
  Secret header_lines;                // whole lines, each with its CRLF: "X-Api-Key: …\r\n"
  std::vector<std::string> replaced;  // the names in these lines, and others that must not pass
  std::vector<std::string> passing;   // names that pass beside those of http/forwardable.h
  std::vector<Allowed> allowed;
  Transport transport = Transport::tls;
  ErrorForm errors = ErrorForm::text;  // of the answers of the relay itself
  AfterBody after_body = AfterBody::closed;
};

// The head of the request to the server, or the answer to the client. The body follows in the same
// framing.
std::expected<Secret, ApiError> head_for_server(const Forwarding& forwarding, const http::RequestHead& head);

// How the body of a response reaches the client.
enum class BodyForm : uint8_t { none, octets, chunks };
BodyForm form_for_client(const http::ResponseHead& head);

// The head of the response to the client, or an answer in its place.
std::expected<std::string, ApiError> head_for_client(const Forwarding& forwarding,
                                                     const http::ResponseHead& head,
                                                     http::Persistence persistence);

}  // namespace ostiary::relay
