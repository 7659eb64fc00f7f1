#include "relay/intake.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ostiary/base/text.h"
#include "ostiary/http/request_reader.h"
#include "relay/limits.h"
#include "relay/telemetry_request.h"

namespace ostiary::relay {
namespace {

using Then = event::StreamServer::Then;

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
// An empty body is a response without a partial success.
constexpr std::string_view accepted =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

std::string refusal_text(const Refusal& refusal) {
  std::string answer = "HTTP/1.1 " + std::to_string(refusal.status) + " Refused\r\n";
  if (refusal.status == 405) answer += "Allow: POST\r\n";
  if (refusal.status == 503) answer += "Retry-After: 1\r\n";
  append(answer, {"Connection: close\r\nContent-Type: text/plain\r\nContent-Length: ",
                  std::to_string(refusal.reason.size() + 1), "\r\n\r\n", refusal.reason, "\n"});
  return answer;
}

std::span<const uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

// The requests of one connection.
class Intake::Requests : public event::Stream {
 public:
  Requests(Intake& intake, event::StreamId id) : intake_(intake), id_(id) {}
  ~Requests() override { intake_.octets_in_progress_ -= post_.body.size(); }

  Taken take(std::span<const uint8_t> octets) override {
    std::string_view input(reinterpret_cast<const char*>(octets.data()), octets.size());
    Taken taken = Taken::part_of_message;
    while (intake_.streams_.is_open(id_)) {
      const http::RequestEvent event = reader_.next(input);
      if (std::holds_alternative<http::NeedMore>(event)) return taken;
      if (const auto* const head = std::get_if<const http::RequestHead*>(&event))
        begin(**head);
      else if (const auto* const body = std::get_if<http::Body>(&event))
        add(body->octets);
      else if (const auto* const fault = std::get_if<http::Fault>(&event))
        refuse({.status = http::status(*fault), .reason = http::text(*fault)});
      else
        complete();
      if (std::holds_alternative<http::Complete>(event)) taken = Taken::end_of_message;
    }
    return Taken::end_of_message;
  }

 private:
  void begin(const http::RequestHead& head) {
    const auto signal = read_telemetry_request(head);
    if (!signal) return refuse(signal.error());
    post_.signal = *signal;
    keeps_ = head.persistence == http::Persistence::keep;
    if (head.framing.kind == http::Framing::Kind::length)
      post_.body.reserve(std::min(head.framing.length, uint64_t{limits::reserved_octets}));
    if (head.expects_continue) send(go_on);
  }

  void add(std::string_view octets) {
    if (intake_.octets_in_progress_ + octets.size() > limits::octets_in_progress)
      return refuse({.status = 503, .reason = "too many requests are under way"});
    intake_.octets_in_progress_ += octets.size();
    post_.body += octets;
  }

  void complete() {
    intake_.octets_in_progress_ -= post_.body.size();
    switch (intake_.handler_(std::exchange(post_, {}))) {
      case relay::Taken::yes:
        return send(accepted, keeps_ ? Then::keep : Then::close);
      case relay::Taken::malformed:
        return refuse({.status = 400, .reason = "the body is not a request of OTLP"});
      case relay::Taken::too_deep:
        return refuse({.status = 400, .reason = "the request has more than 32 messages inside each other"});
      case relay::Taken::reserved:
        return refuse({.status = 400, .reason = "only ostiary's own telemetry may have the name ostiary"});
      case relay::Taken::not_exported:
        return refuse({.status = 404, .reason = "telemetry of this kind is not exported"});
      case relay::Taken::no_room:
        return refuse({.status = 503, .reason = "the disk is full"});
    }
  }

  void refuse(const Refusal& refusal) { send(refusal_text(refusal), Then::close); }
  void send(std::string_view answer, Then then = Then::keep) {
    intake_.streams_.send(id_, octets_of(answer), then);
  }

  Intake& intake_;
  event::StreamId id_;
  http::RequestReader reader_{limits::body_octets};
  Post post_;
  bool keeps_ = false;
};

Intake::Intake(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler)
    : handler_(std::move(handler)),
      streams_(loop, std::move(listeners),
               {.connections = limits::connections,
                .unsent_octets = limits::unsent_octets,
                .read_octets = limits::read_octets,
                .idle = limits::idle},
               [this](event::StreamId id) { return std::make_unique<Requests>(*this, id); }) {}

}  // namespace ostiary::relay
