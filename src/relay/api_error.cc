#include "relay/api_error.h"

#include "ostiary/base/json.h"
#include "ostiary/base/text.h"

namespace ostiary::relay {
namespace {

std::string_view type_of(uint16_t status) {
  switch (status) {
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string body_of(const ApiError& error, ErrorForm form) {
  const std::string message = "ostiary: " + error.reason;
  if (form == ErrorForm::text) return message + "\n";
  return Json({{"type", "error"}, {"error", {{"type", type_of(error.status)}, {"message", message}}}})
             .compact() +
         "\n";
}

}  // namespace

std::string response_text(const ApiError& error, ErrorForm form, http::ResponseTo request) {
  const std::string body = body_of(error, form);
  std::string text = "HTTP/1.1 " + std::to_string(error.status) + " Refused\r\n";
  if (error.status == 503) text += "Retry-After: 1\r\n";
  append(text, {"Connection: close\r\nContent-Type: ",
                form == ErrorForm::text ? "text/plain; charset=utf-8" : "application/json",
                "\r\nContent-Length: ", std::to_string(body.size()), "\r\n\r\n"});
  return request == http::ResponseTo::head ? text : text + body;
}

}  // namespace ostiary::relay
