// upstream/upstream.h: where the gate's questions are put to the outside: the seam between the gate and the
// network.
// Every question is answered exactly once, if not earlier then when the Upstream ends. The answer may come
// within ask() itself. Within an answer more may be asked, but the Upstream must not be ended.
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

// A reply to this very question, by its id, its question section and the server it comes from, as octets for
// dns::read_address_reply() and dns::read_record_reply(); valid until the callback returns. Its id is
// nobody's concern any more.
using Reply = std::expected<std::span<const uint8_t>, Unanswered>;
using Answered = std::move_only_function<void(Reply)>;

// Of a question that the gate received.
enum class Origin : uint8_t {
  other,      // none is outstanding under that id
  passed_on,  // by a server that asks from within this network; or a guessed id
  returned,   // it never reached its server: another flow's address translation took it. It has been asked
              // again, by another port
};

class Upstream {
 public:
  Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  virtual ~Upstream() = default;

  virtual void ask(const dns::Question& question, Answered answered) = 0;

  // Whether a question that the gate received is one of those outstanding; `from` is null where it came over
  // TCP.
  virtual Origin recognize(const dns::Question& question, uint16_t id, const sockaddr* from) = 0;
};

}  // namespace ostiary::upstream
