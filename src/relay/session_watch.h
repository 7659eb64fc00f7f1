// relay/session_watch.h: which session of the agent is active, as its telemetry says.
// - It is the agent's statement, and at most the session that was active at the time: no proof that the
//   session caused an event. A hostile agent can name any session.
// - If several sessions are active, none is chosen.
// - Bounded: it remembers at most limits::sessions sessions, and as many traces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/event/loop.h"
#include "relay/post.h"

namespace ostiary::relay {

class SessionWatch {
 public:
  struct Active {
    size_t sessions = 0;
    // Empty unless it is the only one: the session, its trace, and the span that the log records in
    // the trace name.
    std::string session = {};
    std::string trace = {};
    std::string span = {};

    bool operator==(const Active&) const = default;
  };

  // `post` comes from the agent, and is well-formed or ignored.
  void see(const Post& post, event::Time now);
  Active active(event::Time now) const;

 private:
  struct Seen {
    std::string id;
    std::string session = {};  // of a trace
    std::string span = {};     // of a trace
    bool has_several_spans = false;
    event::Time last{};
  };
  static Seen& note(std::vector<Seen>& list, std::string_view id, std::string_view session, event::Time now);

  std::vector<Seen> sessions_;
  std::vector<Seen> traces_;
};

namespace limits {
inline constexpr size_t sessions = 16;
inline constexpr size_t session_octets = 128;
// A session exports its metrics each minute, and logs when something happens.
inline constexpr std::chrono::minutes session_is_active{5};
// A trace is one prompt and what follows from it. Its parts are exported every five seconds.
inline constexpr std::chrono::seconds trace_is_active{60};
static_assert(trace_is_active <= session_is_active);
}  // namespace limits

}  // namespace ostiary::relay
