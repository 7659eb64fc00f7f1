#include "ostiary/http/fault.h"

namespace ostiary::http {

std::string_view text(Fault fault) {
  switch (fault) {
    case Fault::control:
      return "a line has a control character";
    case Fault::bare_cr:
      return "a carriage return is not followed by a line feed";
    case Fault::bare_lf:
      return "a line feed is not preceded by a carriage return";
    case Fault::start_line_too_long:
      return "the first line is longer than 8192 octets";
    case Fault::field_line_too_long:
      return "a header field is longer than 8192 octets";
    case Fault::head_too_large:
      return "the header section is larger than 32768 octets";
    case Fault::too_many_fields:
      return "there are more than 100 header fields";
    case Fault::request_line:
      return "the first line is not METHOD TARGET HTTP/1.1";
    case Fault::status_line:
      return "the first line is not HTTP/1.1 STATUS REASON";
    case Fault::version:
      return "the version is neither HTTP/1.1 nor HTTP/1.0";
    case Fault::connect:
      return "the method CONNECT is not served";
    case Fault::target_form:
      return "the target does not begin with a slash";
    case Fault::target_octet:
      return "the target has a character that a path and a query cannot have";
    case Fault::folded_line:
      return "a header field begins with a blank";
    case Fault::field_line:
      return "a header field has no colon";
    case Fault::field_name:
      return "a header field's name is not a token";
    case Fault::disguised_name:
      return "a header field's name resembles one that decides where the message ends";
    case Fault::host_missing:
      return "there is no Host";
    case Fault::host_doubled:
      return "there are two Hosts";
    case Fault::host:
      return "the Host is malformed";
    case Fault::connection:
      return "the Connection is malformed";
    case Fault::connection_names_own:
      return "the Connection names a header field that must reach the server";
    case Fault::expectation:
      return "the expectation is not 100-continue";
    case Fault::length:
      return "the Content-Length is not a number";
    case Fault::length_doubled:
      return "there are two Content-Lengths";
    case Fault::length_and_coding:
      return "there are a Content-Length and a Transfer-Encoding";
    case Fault::transfer_coding:
      return "the Transfer-Encoding is not one \"chunked\"";
    case Fault::coding_before_1_1:
      return "a message of HTTP/1.0 has a Transfer-Encoding";
    case Fault::body_not_allowed:
      return "a response that has no body gives its length";
    case Fault::body_too_large:
      return "the body is too large";
    case Fault::chunk_size:
      return "the size of a chunk is malformed";
    case Fault::chunk_end:
      return "a chunk does not end at its size";
    case Fault::chunk_extensions_too_large:
      return "the chunk extensions are larger than 1024 octets";
    case Fault::trailers_too_large:
      return "the trailer section is larger than 4096 octets";
    case Fault::trailer_name:
      return "a trailer has the name of a field that decides where the message ends";
    case Fault::after_last_request:
      return "octets follow the last request of the connection";
    case Fault::switches_protocol:
      return "the response switches to another protocol";
    case Fault::too_many_interim:
      return "there are more than 8 interim responses";
    case Fault::cut_short:
      return "the connection ended within a message";
  }
  return "the message is malformed";
}

uint16_t status(Fault fault) {
  switch (fault) {
    case Fault::body_too_large:
      return 413;
    case Fault::start_line_too_long:
      return 414;
    case Fault::expectation:
      return 417;
    case Fault::field_line_too_long:
    case Fault::head_too_large:
    case Fault::too_many_fields:
    case Fault::trailers_too_large:
      return 431;
    case Fault::connect:
    case Fault::transfer_coding:
      return 501;
    case Fault::version:
      return 505;
    default:
      return 400;
  }
}

}  // namespace ostiary::http
