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

class Upstream {
 public:
  Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  virtual ~Upstream() = default;

  virtual void ask(const dns::Question& question, Answered answered) = 0;

  // Whether that question is outstanding under that very id. A message that says so is the gate's own, come
  // back from a server that passed it on from within this network, or somebody's lucky guess.
  virtual bool is_asking(const dns::Question& question, uint16_t id) const = 0;
};

}  // namespace ostiary::upstream
