// upstream/upstream.h: the interface through which the gate asks upstream servers. Tests replace
// it.
// - Every question is answered exactly once, at the latest when the Upstream is destroyed.
// - The answer may come within ask() itself.
// - Within an answer the caller may ask more questions, but must not destroy the Upstream.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <span>
#include <string_view>

#include <sys/socket.h>

#include "ostiary/dns/reply.h"

namespace ostiary::upstream {

enum class Unanswered : uint8_t {
  timed_out,
  refused_by_network,
  no_server,
  malformed,
  cancelled,
  too_many,
  unmarked,
  out_of_resources,
};
std::string_view text(Unanswered why);

// The octets of a reply, for dns::read_address_reply() and dns::read_record_reply(). They are valid
// until the callback returns. The id, the question section and the server are already checked, so
// the receiver can ignore the id.
using Reply = std::expected<std::span<const uint8_t>, Unanswered>;
using Answered = std::move_only_function<void(Reply)>;

// The origin of a question that the gate received.
enum class Origin : uint8_t {
  other,      // no question of ours with this id is outstanding
  passed_on,  // a forwarding server inside this network sent our question on; or a guessed id
  returned,   // our own packet, which the address translation of another flow redirected to the
              // gate. It did not reach its server, so it was sent again from another port
};

class Upstream {
 public:
  Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  virtual ~Upstream() = default;

  virtual void ask(const dns::Question& question, Answered answered) = 0;

  // Whether a question that the gate received is one of our outstanding questions. `from` is null
  // for a question over TCP.
  virtual Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) = 0;
};

}  // namespace ostiary::upstream
