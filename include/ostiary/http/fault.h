// http/fault.h: why a message is refused. After a fault the connection must be closed: its next
// octets have no meaning.
#pragma once

#include <cstdint>
#include <string_view>

namespace ostiary::http {

enum class Fault : uint8_t {
  // the octets of the head
  control,
  bare_cr,
  bare_lf,
  start_line_too_long,
  field_line_too_long,
  head_too_large,
  too_many_fields,
  // the request line and the status line
  request_line,
  status_line,
  version,
  connect,
  target_form,
  target_octet,
  // fields
  folded_line,
  field_line,
  field_name,
  disguised_name,
  host_missing,
  host_doubled,
  host,
  connection,
  connection_names_own,
  expectation,
  // the body
  length,
  length_doubled,
  length_and_coding,
  transfer_coding,
  coding_before_1_1,
  body_not_allowed,
  body_too_large,
  chunk_size,
  chunk_end,
  chunk_extensions_too_large,
  trailers_too_large,
  trailer_name,
  // the order of messages
  after_last_request,
  switches_protocol,
  too_many_interim,
  cut_short,
};

// One line, without any octet of the message.
std::string_view text(Fault fault);

// The status code of the answer to a request with this fault. A response with a fault becomes 502.
uint16_t status(Fault fault);

}  // namespace ostiary::http
