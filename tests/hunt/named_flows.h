// hunt/named_flows.h: the flows to the shared address, which may carry only what names the allowed host. They
// share no code with the program under test.
// - At port 443: the one hello that programs have, with the allowed name. What follows waits for the server's
//   answer; if that asks for a second hello, that must be the same.
// - At port 80: requests of a few forms, each with the allowed name as its one Host. A line counts from its CR on.
// - A flow that began unseen may carry nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "observation.h"
#include "stage.h"

namespace ostiary::hunt {

inline constexpr uint16_t https_port = 443, http_port = 80;

inline bool is_named_port(uint16_t port) {
  return port == https_port || port == http_port;
}

// Reads a stream of requests.
class NamedRequests {
 public:
  // Empty: the octets are permitted.
  std::string_view take(std::string_view octets);
  size_t requests() const { return requests_; }

 private:
  bool is_permitted(std::string_view line);

  size_t requests_ = 0;  // heads that were whole
  std::string line_;
  bool is_behind_cr_ = false;
  bool is_in_fields_ = false;
  bool is_get_ = false;
  bool has_other_field_ = false;
  size_t hosts_ = 0;
  std::optional<size_t> length_;  // of the body
  size_t body_left_ = 0;
};

class NamedFlows {
 public:
  // A packet of TCP from the agent's host to the shared address. Empty: it is permitted. Otherwise what it is.
  std::string_view take(const Observation& observation);
  // A packet of TCP from the shared address.
  void take_answer(const Observation& observation);
  // Flows that have carried a whole hello or request.
  uint64_t named() const { return named_; }

 private:
  struct Flow {
    uint32_t first = 0;  // the sequence number of the first octet
    std::string sent = {};
    std::map<uint32_t, std::string> later = {};  // by their place, behind octets that are missing
    std::string_view fault = {};
    bool is_named = false;    // it has carried a whole hello or request
    bool is_free = false;     // the server has answered
    bool asks_again = false;  // for a second hello
    size_t judged = 0;        // octets that `requests` has read
    NamedRequests requests = {};
  };
  using Key = std::tuple<Address, Address, uint16_t, uint16_t>;  // own, shared, own port, port

  std::string_view take_next(Flow& flow, uint16_t port);
  static std::string_view take_hello(Flow& flow);
  static std::string_view take_requests(Flow& flow);

  std::map<Key, Flow> flows_;
  uint64_t named_ = 0;
};

}  // namespace ostiary::hunt
