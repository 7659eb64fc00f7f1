#include "relay/conversation.h"

#include "ostiary/base/escape.h"

namespace ostiary::relay {

Answer delivery(std::string_view response) {
  Answer answer{.outcome = otlp::Outcome::delivered};
  if (const auto rejected = otlp::rejected_part(response)) {
    answer.rejected = rejected->count;
    answer.why = one_line(rejected->message);
  }
  return answer;
}

std::string one_line(std::string_view message) {
  return escape_controls(message.substr(0, limits::message_octets));
}

}  // namespace ostiary::relay
