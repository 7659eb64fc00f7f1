// http/request_reader.h: reads HTTP/1.1 requests of a hostile client, one after another.
// - A message that two servers could divide in different ways is refused.
// - The same octets give the same requests and the same fault, however they are cut.
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

// Valid until the event after Complete.
struct RequestHead {
  std::string_view method;  // a token other than CONNECT
  std::string_view target;  // begins with a slash
  Version version = Version::http_1_0;
  std::span<const Field> fields;  // as received, with exactly one Host
  std::string_view host;          // its value
  Framing framing;                // never until_close
  Persistence persistence = Persistence::close;
  bool expects_continue = false;  // the client waits for 100 before it sends the body
};

using RequestEvent = std::variant<NeedMore, const RequestHead*, Body, Complete, Fault>;

class RequestReader {
 public:
  explicit RequestReader(uint64_t max_body_octets) : max_body_octets_(max_body_octets) {}
  RequestReader(RequestReader&&) = delete;  // the head points to itself

  // Removes the consumed octets from the front of `input`. Call again with the rest until NeedMore,
  // which leaves the rest empty. After Complete, the rest belongs to the next request. A fault is
  // final, and so is a request with Persistence::close.
  RequestEvent next(std::string_view& input);

  // After Complete: whether the connection may serve another request.
  bool takes_another() const { return stage_ == Stage::complete; }

  bool is_in_head() const { return stage_ == Stage::head; }

  // Of a head that is not whole.
  std::span<const Field> fields_so_far() const;
  // What is wrong with a request line that is not whole: it will not ask for a path.
  std::optional<Fault> fault_so_far() const;
  // Whether the input so far ends within a field that is Host, or may become it.
  bool is_within_host() const;

 private:
  enum class Stage : uint8_t { head, body, complete, last };

  RequestEvent read_head(std::string_view& input);
  RequestEvent read_body(std::string_view& input);
  std::optional<Fault> read_request_line(std::string_view line);
  std::optional<Fault> finish_head();

  uint64_t max_body_octets_;
  Stage stage_ = Stage::head;
  HeadCollector collected_;
  RequestHead head_;
  BodyReader body_;
  std::optional<Fault> fault_;
};

}  // namespace ostiary::http
