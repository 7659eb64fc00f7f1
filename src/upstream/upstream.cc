#include "ostiary/upstream/upstream.h"

namespace ostiary::upstream {

std::string_view text(Unanswered why) {
  switch (why) {
    case Unanswered::timed_out:
      return "no upstream server answered in time";
    case Unanswered::refused_by_network:
      return "no upstream server could be reached, or none gave an answer";
    case Unanswered::no_server:
      return "no upstream server gave an answer";
    case Unanswered::malformed:
      return "the upstream server's reply is malformed";
    case Unanswered::cancelled:
      return "the question was cancelled";
    case Unanswered::too_many:
      return "too many questions are outstanding";
    case Unanswered::unmarked:
      return "the question was not sent, because its socket could not be marked";
    case Unanswered::out_of_resources:
      return "the question could not be sent: out of memory";
  }
  return "there is no answer";
}

}  // namespace ostiary::upstream
