#include "named_flows.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "name_forms.h"

namespace ostiary::hunt {
namespace {

constexpr uint8_t syn = 0x02, ack = 0x10;
constexpr std::string_view changed = "other octets than were sent before";
constexpr std::string_view before_answer = "octets behind a hello, before the answer";
constexpr std::string_view unseen = "octets in a flow that began unseen";
constexpr std::string_view no_hello = "octets that are not the hello";
constexpr std::string_view no_request = "octets that are not of a permitted request";
constexpr std::string_view hidden = "the name that is not allowed";

const std::string& the_hello() {
  static const std::string hello = hello_of(shared_name, 0);
  return hello;
}

std::string_view text_of(std::span<const uint8_t> octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

bool begins_like(std::string_view sent, const std::string& hello) {
  const size_t size = std::min(sent.size(), hello.size());
  for (size_t at = 0; at < size; ++at)
    if (sent[at] != hello[at] && (at < random_at || at >= random_at + random_octets)) return false;
  return true;
}

// The octets before the name, at either port. The gate reads up to two more octets for SSL 2, which it refuses.
bool may_begin_hello(std::string_view sent) {
  const std::string beginning = the_hello().substr(0, the_hello().find(shared_name));
  const bool may_be_ssl2 = sent.size() <= 2 && (static_cast<uint8_t>(sent[0]) & 0x80U) != 0;
  return may_be_ssl2 || (sent.size() <= beginning.size() && begins_like(sent, beginning));
}

bool may_be_in_head(char octet) {
  const auto value = static_cast<uint8_t>(octet);
  return (value >= 0x20 && value != 0x7f) || octet == '\r' || octet == '\n';
}

bool is_after(std::string_view& line, std::string_view beginning) {
  const bool begins = line.starts_with(beginning);
  if (begins) line.remove_prefix(beginning.size());
  return begins;
}

}  // namespace

// ---- requests

// Of a line that is whole, with its CR.
bool NamedRequests::is_permitted(std::string_view line) {
  if (line.contains(hidden_name)) return false;
  if (!is_in_fields_) {
    is_in_fields_ = true;
    has_other_field_ = false;
    hosts_ = 0;
    length_.reset();
    is_get_ = line == "GET /hunt HTTP/1.1";
    return is_get_ || line == "POST /hunt HTTP/1.1";
  }
  if (line.empty()) {
    is_in_fields_ = false;
    ++requests_;
    body_left_ = length_.value_or(0) + 1;  // and the LF
    return hosts_ == 1 && !has_other_field_ && !(is_get_ && length_);
  }
  if (is_after(line, "Host: ")) return ++hosts_ == 1 && line == shared_name;
  if (is_after(line, "Content-Length: ") && !length_) {
    const auto read = std::from_chars(line.data(), line.data() + line.size(), length_.emplace());
    return read.ec == std::errc() && read.ptr == line.data() + line.size();
  }
  if (!line.starts_with("X-Hunt: ")) has_other_field_ = true;
  return true;
}

std::string_view NamedRequests::take(std::string_view octets) {
  for (const char octet : octets) {
    if (body_left_ > 0) {
      --body_left_;
      continue;
    }
    line_ += octet;
    if (line_.ends_with(hidden_name)) return hidden;
    if (!may_be_in_head(octet)) return no_request;
    if (octet != '\r' && octet != '\n') continue;
    if (line_ == "\n" && !is_behind_cr_) return no_request;
    if (line_ != "\n") {
      const std::string line(line_, 0, line_.size() - 1);
      if (octet == '\n' || !is_permitted(line)) return line.contains(hidden_name) ? hidden : no_request;
    }
    is_behind_cr_ = octet == '\r';
    line_.clear();
  }
  return {};
}

// ---- hellos

std::string_view NamedFlows::take_hello(Flow& flow) {
  const std::string& hello = the_hello();
  const std::string_view sent = flow.sent;
  const size_t hellos = flow.asks_again ? 2 : 1;
  for (size_t at = 0; at < hellos * hello.size() && at < sent.size(); at += hello.size())
    if (!begins_like(sent.substr(at), hello)) return sent.contains(hidden_name) ? hidden : no_hello;
  if (sent.size() < hellos * hello.size()) return {};
  if (!flow.asks_again) return sent.size() == hello.size() ? std::string_view() : before_answer;
  flow.is_free = true;
  return {};
}

// ---- flows

std::string_view NamedFlows::take(const Observation& observation) {
  const Key key{observation.source, observation.destination, observation.source_port, observation.port};
  const bool begins = (observation.tcp_flags & (syn | ack)) == syn;
  if (begins) {
    const auto found = flows_.find(key);
    if (found == flows_.end() || found->second.first != observation.sequence + 1)
      flows_.insert_or_assign(key, Flow{.first = observation.sequence + 1});
  }
  const std::string_view data = text_of(observation.data);
  if (data.empty()) return {};
  const auto found = flows_.find(key);
  if (found == flows_.end() || begins) return unseen;
  Flow& flow = found->second;
  if (flow.is_free) return {};
  if (!flow.fault.empty()) return flow.fault;
  const uint32_t place = observation.sequence - flow.first;
  flow.later[place] = data;
  while (flow.fault.empty() && !flow.later.empty() && flow.later.begin()->first <= flow.sent.size())
    flow.fault = take_next(flow, observation.port);
  return flow.fault;
}

// A packet may be lost that the gate has read: it comes again behind later ones.
std::string_view NamedFlows::take_next(Flow& flow, uint16_t port) {
  const auto next = flow.later.extract(flow.later.begin());
  const std::string_view octets = next.mapped();
  const size_t again = std::min(flow.sent.size() - next.key(), octets.size());
  if (std::string_view(flow.sent).substr(next.key(), again) != octets.substr(0, again)) return changed;
  flow.sent += octets.substr(again);
  if (may_begin_hello(flow.sent)) return {};
  const std::string_view fault = port == https_port ? take_hello(flow) : take_requests(flow);
  const bool is_whole =
      port == https_port ? flow.sent.size() >= the_hello().size() : flow.requests.requests() > 0;
  if (fault.empty() && is_whole && !std::exchange(flow.is_named, true)) ++named_;
  return fault;
}

std::string_view NamedFlows::take_requests(Flow& flow) {
  const size_t known = std::exchange(flow.judged, flow.sent.size());
  return flow.requests.take(std::string_view(flow.sent).substr(known));
}

// The server answers in one packet, after the first whole hello.
void NamedFlows::take_answer(const Observation& observation) {
  if (observation.source_port != https_port || observation.data.empty()) return;
  const auto found =
      flows_.find({observation.destination, observation.source, observation.port, observation.source_port});
  if (found == flows_.end() || found->second.asks_again || !found->second.fault.empty()) return;
  if (found->second.sent.size() < the_hello().size()) return;
  if (text_of(observation.data) == retry_request())
    found->second.asks_again = true;
  else
    found->second.is_free = true;
}

}  // namespace ostiary::hunt
