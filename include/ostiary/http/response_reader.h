// http/response_reader.h: reads one HTTP/1.1 response of an upstream server.
// - Interim responses (1xx) are read, bounded and dropped; 101 is a fault.
// - The same octets give the same response and the same fault, however they are cut.
// - It holds one head, and no octet of a body.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "ostiary/http/body.h"
#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"
#include "ostiary/http/head.h"

namespace ostiary::http {

// Valid as long as its reader.
struct ResponseHead {
  uint16_t status = 0;      // 200 to 599
  std::string_view reason;  // may be empty
  Version version = Version::http_1_0;
  std::span<const Field> fields;  // as received
  Framing framing;                // Kind::none also if the fields give the length of another body
  Persistence persistence = Persistence::close;
};

using ResponseEvent = std::variant<NeedMore, const ResponseHead*, Body, Complete, Fault>;

// The method of the request decides whether its response has a body.
enum class ResponseTo : uint8_t { head, other };

class ResponseReader {
 public:
  ResponseReader(ResponseTo request, uint64_t max_body_octets)
      : request_(request), max_body_octets_(max_body_octets) {}
  ResponseReader(ResponseReader&&) = delete;  // the head points to itself

  // Removes the consumed octets from the front of `input`. Call again with the rest until NeedMore,
  // which leaves the rest empty, or Complete, which leaves the octets after the response. A fault
  // is final.
  ResponseEvent next(std::string_view& input);

  // The server closed the connection after all octets were read: Complete or a fault.
  ResponseEvent end();

 private:
  enum class Stage : uint8_t { head, body };

  ResponseEvent read_head(std::string_view& input);
  std::optional<Fault> read_status_line(std::string_view line);
  std::optional<Fault> drop_interim(const Framing& framing);
  std::optional<Fault> finish_head();

  ResponseTo request_;
  uint64_t max_body_octets_;
  Stage stage_ = Stage::head;
  size_t interim_ = 0;
  HeadCollector collected_;
  ResponseHead head_;
  BodyReader body_;
  std::optional<Fault> fault_;
};

}  // namespace ostiary::http
