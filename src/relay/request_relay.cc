#include "relay/request_relay.h"

#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "ostiary/base/text.h"
#include "ostiary/http/request_reader.h"
#include "relay/exchange.h"

namespace ostiary::relay {
namespace {

using Then = event::StreamServer::Then;

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";

std::span<const uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// An empty chunk would be the last.
void append_chunk(std::string& text, std::string_view octets) {
  if (octets.empty()) return;
  std::array<char, 2 * sizeof(size_t)> digits{};
  const char* const end = std::to_chars(digits.begin(), digits.end(), octets.size(), 16).ptr;
  append(text, {{digits.begin(), end}, "\r\n", octets, "\r\n"});
}

Exchange::Method method_of(std::string_view text) {
  if (text == "HEAD") return Exchange::Method::head;
  for (const std::string_view idempotent : {"GET", "OPTIONS", "PUT", "DELETE"})
    if (text == idempotent) return Exchange::Method::idempotent;
  return Exchange::Method::other;
}

}  // namespace

// The requests of one client's connection, one after another.
class RequestRelay::Requests : public event::Stream {
 public:
  Requests(RequestRelay& relay, event::StreamId id) : relay_(relay), id_(id) {}
  ~Requests() override { end_exchange(); }

  // The deadline of the connection depends on the request, not on messages.
  Taken take(std::span<const uint8_t> octets) override {
    const std::string_view input(reinterpret_cast<const char*>(octets.data()), octets.size());
    if (is_waiting_)
      hold(input);
    else
      read(input);
    return Taken::part_of_message;
  }

  void drained() override {
    if (exchange_) exchange_->go_on();
  }

 private:
  event::StreamServer& streams() { return relay_.streams_; }

  // The next request waits for the end of this one. Until then the client can send no more.
  void hold(std::string_view octets) {
    held_ = octets;
    streams().pause(id_);
  }

  // Reads up to the end of a request.
  void read(std::string_view input) {
    std::string body;
    while (!is_waiting_ && streams().is_open(id_)) {
      const http::RequestEvent event = reader_.next(input);
      if (std::holds_alternative<http::NeedMore>(event)) break;
      if (const auto* const head = std::get_if<const http::RequestHead*>(&event))
        begin(**head);
      else if (const auto* const octets = std::get_if<http::Body>(&event))
        body += octets->octets;
      else if (const auto* const fault = std::get_if<http::Fault>(&event))
        on_failed({http::status(*fault), std::string(http::text(*fault))});
      else
        is_waiting_ = true;
    }
    if (!streams().is_open(id_)) return;
    if (exchange_)
      forward(body);
    else
      expect_head();
    if (is_waiting_ && !input.empty() && streams().is_open(id_)) hold(input);
  }

  void expect_head() {
    if (std::exchange(has_begun_, true)) return;
    streams().set_deadline(id_, relay_.parts_.loop.now() + request_limits::head_time);
  }

  void begin(const http::RequestHead& head) {
    request_ = std::string(head.method) + " " + std::string(head.target.substr(0, head.target.find('?')));
    answered_as_ = head.method == "HEAD" ? http::ResponseTo::head : http::ResponseTo::other;
    auto text = head_for_server(relay_.forwarding_, head);
    if (!text) return refuse(text.error());
    if (relay_.is_busy()) return refuse({503, "too many requests are under way"});
    keeps_ = head.persistence == http::Persistence::keep;
    is_chunked_ = head.framing.kind == http::Framing::Kind::chunked;
    ++relay_.parts_.exchanges;
    ++relay_.exchanges_;
    exchange_ = std::make_shared<Exchange>(
        relay_.parts_.loop, relay_.servers_,
        Exchange::Request{.head = *std::move(text),
                          .method = method_of(head.method),
                          .after_body = relay_.forwarding_.after_body},
        Exchange::Owner{.arrived = [this](const Exchange::Arrived& arrived) { on_arrived(arrived); },
                        .sent = [this] { on_sent(); },
                        .failed = [this](const ApiError& error) { on_failed(error); }});
    streams().set_deadline(id_, event::Time::max());  // the exchange has its own limits
    if (head.expects_continue) send(go_on);
  }

  void forward(std::string_view body) {
    const std::shared_ptr<Exchange> exchange = exchange_;
    if (is_chunked_) {
      std::string chunk;
      append_chunk(chunk, body);
      if (is_waiting_) chunk += last_chunk;
      if (!chunk.empty()) exchange->add(chunk);
    } else if (!body.empty()) {
      exchange->add(body);
    }
    if (is_waiting_) exchange->end_request();
    exchange->advance();
    if (exchange_ != exchange || exchange->unsent() <= request_limits::waiting_octets) return;
    is_server_full_ = true;
    streams().pause(id_);
  }

  void on_sent() {
    if (std::exchange(is_server_full_, false) && held_.empty()) streams().go_on(id_);
  }

  void on_arrived(const Exchange::Arrived& arrived) {
    const auto self = shared_from_this();
    std::string text;
    if (arrived.head != nullptr) {
      // An answer that comes before the end of its request is the last of its connection.
      keeps_ &= is_waiting_;
      auto head = head_for_client(relay_.forwarding_, *arrived.head,
                                  keeps_ ? http::Persistence::keep : http::Persistence::close);
      if (!head) return on_failed(head.error());
      text = *std::move(head);
      form_ = form_for_client(*arrived.head);
      has_answered_ = true;
    }
    if (form_ == BodyForm::chunks)
      append_chunk(text, arrived.body);
    else
      text += arrived.body;
    if (arrived.is_complete) {
      if (form_ == BodyForm::chunks) text += last_chunk;
      return complete(text);
    }
    send(text);
    if (exchange_ && streams().unsent_octets(id_) > request_limits::waiting_octets) exchange_->pause();
  }

  void complete(std::string_view text) {
    end_exchange();
    streams().set_deadline(id_, relay_.parts_.loop.now() + request_limits::idle);
    streams().send(id_, octets_of(text), keeps_ ? Then::keep : Then::close);
    if (!streams().is_open(id_)) return;
    is_waiting_ = false;
    has_begun_ = false;
    has_answered_ = false;
    is_server_full_ = false;
    request_.clear();
    answered_as_ = http::ResponseTo::other;
    streams().go_on(id_);
    if (!held_.empty()) read(std::exchange(held_, {}));
  }

  void on_failed(const ApiError& error) {
    const auto self = shared_from_this();
    end_exchange();
    if (!has_answered_) return refuse(error);
    relay_.parts_.report({request_, error});
    streams().cut(id_);
  }

  void refuse(const ApiError& error) {
    relay_.parts_.report({request_, error});
    streams().set_deadline(id_, relay_.parts_.loop.now() + request_limits::farewell);
    send(response_text(error, relay_.forwarding_.errors, answered_as_), Then::close);
  }

  void end_exchange() {
    if (!exchange_) return;
    --relay_.parts_.exchanges;
    --relay_.exchanges_;
    std::exchange(exchange_, nullptr)->cut();
  }

  void send(std::string_view text, Then then = Then::keep) {
    if (!text.empty()) streams().send(id_, octets_of(text), then);
  }

  RequestRelay& relay_;
  event::StreamId id_;
  http::RequestReader reader_{request_limits::body_octets};
  bool has_begun_ = false;   // a head
  bool is_waiting_ = false;  // the request has ended, and its answer has not
  std::string held_;         // what follows the request
  bool is_server_full_ = false;
  http::ResponseTo answered_as_ = http::ResponseTo::other;
  std::string request_;      // for reports
  bool keeps_ = false;       // the connection, after this request
  bool is_chunked_ = false;  // the request
  bool has_answered_ = false;
  BodyForm form_{};  // of the answer
  std::shared_ptr<Exchange> exchange_;
};

RequestRelay::RequestRelay(Parts parts, std::vector<UniqueFd> listeners, Forwarding forwarding)
    : parts_(std::move(parts)),
      forwarding_(std::move(forwarding)),
      servers_({.loop = parts_.loop,
                .trust = forwarding_.transport == Forwarding::Transport::tls ? parts_.trust : nullptr,
                .connect = parts_.connect},
               forwarding_.destination),
      streams_(parts_.loop, std::move(listeners),
               {.connections = parts_.connections,
                .unsent_octets = request_limits::unsent_octets,
                .read_octets = request_limits::read_octets,
                .idle = request_limits::idle},
               [this](event::StreamId id) { return std::make_shared<Requests>(*this, id); }) {}

bool RequestRelay::is_busy() const {
  return parts_.exchanges == request_limits::exchanges ||
         exchanges_ == request_limits::exchanges_within(parts_.connections);
}

}  // namespace ostiary::relay
