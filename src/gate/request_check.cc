#include "request_check.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "limits.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/tls/client_hello.h"
#include "sequence.h"
#include "why.h"

namespace ostiary::gate {
namespace {

using http::Fault;
using http::Framing;

constexpr uint64_t any_body = std::numeric_limits<int64_t>::max();

// The word of the audit.
std::string_view why_of(Fault fault) {
  switch (fault) {
    case Fault::request_line:
    case Fault::version:
      return why::not_http;
    case Fault::connect:
      return why::tunnel;
    case Fault::target_form:
      return why::not_a_path;
    case Fault::host_missing:
      return text(tls::HelloFault::no_name);
    case Fault::host_doubled:
      return text(tls::HelloFault::several_names);
    case Fault::host:
      return text(tls::HelloFault::no_host_name);
    case Fault::expectation:
      return why::expectation;
    case Fault::length:
    case Fault::length_doubled:
    case Fault::length_and_coding:
    case Fault::transfer_coding:
    case Fault::coding_before_1_1:
    case Fault::chunk_size:
    case Fault::chunk_end:
    case Fault::after_last_request:
      return why::framing;
    default:
      return text(tls::HelloFault::malformed);
  }
}

bool has(const http::RequestHead& head, std::string_view name) {
  return std::ranges::any_of(head.fields,
                             [name](const http::Field& field) { return http::resembles(field.name, name); });
}

// Some servers do not read the body of such a request, and take it for the next request.
bool may_lose_its_body(const http::RequestHead& head) {
  constexpr std::array<std::string_view, 4> without_body{"GET", "HEAD", "OPTIONS", "TRACE"};
  const bool has_body = head.framing.kind == Framing::Kind::chunked || head.framing.length > 0;
  return has_body && std::ranges::any_of(without_body, [&head](std::string_view method) {
           return equal_ignoring_case(method, head.method);
         });
}

}  // namespace

// ---- requests

std::optional<RequestCheck::Refusal> RequestCheck::refusal_of_host(const Flow& flow,
                                                                   std::string_view host) const {
  std::string name = to_lower(host);
  const std::string port = ":" + std::to_string(flow.begun.connection.remote_port);
  if (name.ends_with(port)) name.resize(name.size() - port.size());
  if (!inet::is_host_name(name)) return Refusal{std::move(name), text(tls::HelloFault::no_host_name)};
  const auto objection = rules_.objection(flow.begun.connection, name, policy::OpenedBy::http_name);
  if (objection.empty()) return std::nullopt;
  return Refusal{std::move(name), objection};
}

// A server that refuses to wait for a body, or to switch protocols, may take what follows for a request.
std::optional<RequestCheck::Refusal> RequestCheck::refusal_of(const Flow& flow,
                                                              const http::RequestHead& head) const {
  if (auto refusal = refusal_of_host(flow, head.host)) return refusal;
  const auto refused = [&head](std::string_view why) { return Refusal{to_lower(head.host), why}; };
  if (has(head, "upgrade") || has(head, "http2-settings")) return refused(why::upgrade);
  if (has(head, "expect")) return refused(why::expectation);
  if (may_lose_its_body(head)) return refused(why::framing);
  return std::nullopt;
}

// A server may choose the site before the head is whole.
std::optional<RequestCheck::Refusal> RequestCheck::refusal_so_far(const Flow& flow) const {
  if (const auto fault = flow.reader->fault_so_far()) return Refusal{{}, why_of(*fault)};
  for (const http::Field& field : flow.reader->fields_so_far())
    if (equal_ignoring_case(field.name, "host"))
      if (auto refusal = refusal_of_host(flow, field.value)) return refusal;
  return std::nullopt;
}

std::optional<RequestCheck::Refusal> RequestCheck::read(Flow& flow, std::string_view octets) {
  std::string_view rest = octets;
  while (flow.reader || !rest.empty()) {
    if (!flow.reader) flow.reader.emplace(any_body);
    const std::string_view before = rest;
    const http::RequestEvent event = flow.reader->next(rest);
    const auto* body = std::get_if<http::Body>(&event);
    const size_t taken = before.size() - rest.size();
    keep(flow, flow.known, before.substr(0, body != nullptr ? taken - body->octets.size() : taken));
    flow.known += taken;
    if (const auto* fault = std::get_if<Fault>(&event)) return Refusal{{}, why_of(*fault)};
    if (const auto* head = std::get_if<const http::RequestHead*>(&event))
      if (auto refusal = refusal_of(flow, **head)) return refusal;
    if (std::holds_alternative<http::Complete>(event) && flow.reader->takes_another()) flow.reader.reset();
    if (std::holds_alternative<http::NeedMore>(event)) return refusal_so_far(flow);
  }
  return std::nullopt;
}

std::optional<RequestCheck::Refusal> RequestCheck::refusal_of_end(const Flow& flow) {
  const bool cuts_off = flow.reader && flow.reader->is_in_head();
  return cuts_off ? std::optional(Refusal{{}, why::unfinished}) : std::nullopt;
}

// ---- what is sent again

void RequestCheck::keep(Flow& flow, uint64_t place, std::string_view octets) {
  if (octets.empty()) return;
  const size_t before = flow.memory();
  const bool continues =
      !flow.heads.empty() && flow.heads.back().place + flow.heads.back().octets.size() == place;
  if (!continues) flow.heads.push_back({.place = place, .octets = {}});
  flow.heads.back().octets += octets;
  flow.octets += octets.size();
  while (flow.octets > limits::heads_of_a_flow) {
    Piece& oldest = flow.heads.front();
    const size_t dropped = std::min(flow.octets - limits::heads_of_a_flow, oldest.octets.size());
    oldest.place += dropped;
    oldest.octets.erase(0, dropped);
    flow.compared_from = oldest.place;
    flow.octets -= dropped;
    if (oldest.octets.empty()) flow.heads.pop_front();
  }
  memory_ += flow.memory();
  memory_ -= before;
}

bool RequestCheck::has_changed(const Flow& flow, uint64_t place, std::string_view again) {
  if (again.empty()) return false;
  return std::ranges::any_of(flow.heads, [&](const Piece& piece) {
    const uint64_t from = std::max(place, piece.place);
    const uint64_t to = std::min(place + again.size(), piece.place + piece.octets.size());
    return from < to && again.substr(from - place, to - from) !=
                            std::string_view(piece.octets).substr(from - piece.place, to - from);
  });
}

// ---- flows

void RequestCheck::begin(const Begun& begun, std::span<const uint8_t> octets, HeldPackets packets, Time now) {
  forget(begun.connection);
  make_room(1);
  Flow& flow = flows_.emplace_back(begun, now + limits::request_idle);
  by_connection_.emplace(begun.connection, std::prev(flows_.end()));
  flow.packets = std::move(packets);
  judge(flow, {reinterpret_cast<const char*>(octets.data()), octets.size()}, begun.ends, now);
}

void RequestCheck::take(const nft::WaitingPacket& packet, Time now) {
  const auto found = by_connection_.find(packet.connection);
  Flow& flow = *found->second;
  if (packet.is_urgent) {
    flow.packets.add(packet.id);
    return refuse(flow, {{}, why::urgent}, now);
  }
  const std::string_view data(reinterpret_cast<const char*>(packet.data.data()), packet.data.size());
  const int64_t ahead =
      distance(flow.begun.first_sequence + static_cast<uint32_t>(flow.known), packet.sequence);
  const int64_t place = static_cast<int64_t>(flow.known) + ahead;
  // Behind an octet that is missing, or before those that are kept: the first comes again.
  if (ahead > 0 || place < static_cast<int64_t>(flow.compared_from)) return judge_.drop(packet.id);
  flows_.splice(flows_.end(), flows_, found->second);
  flow.until = now + limits::request_idle;
  const std::string_view again = data.substr(0, static_cast<size_t>(-ahead));
  const auto end = static_cast<uint64_t>(place) + data.size();
  const bool ends_earlier = packet.ends && end < flow.known;
  const bool changed = ends_earlier || has_changed(flow, static_cast<uint64_t>(place), again);
  if (!changed && end <= flow.passed && !packet.ends) return judge_.pass(packet.id);
  flow.packets.add(packet.id);
  if (changed) return refuse(flow, {{}, why::changed}, now);
  judge(flow, data.substr(again.size()), packet.ends, now);
}

// The octets after those that were known.
void RequestCheck::judge(Flow& flow, std::string_view fresh, bool ends, Time now) {
  auto refusal = read(flow, fresh);
  if (!refusal && ends) refusal = refusal_of_end(flow);
  if (refusal) return refuse(flow, *refusal, now);
  if (flow.reader && flow.reader->is_within_host()) {
    hold(flow, now);
  } else {
    flow.packets.pass(judge_);
    flow.passed = flow.known;
  }
  make_room(0);
}

void RequestCheck::hold(Flow& flow, Time now) {
  if (flow.packets.size() > limits::waiting_packets_of_a_flow || holds_.size() >= limits::waiting_packets)
    return flow.packets.drop(judge_);
  holds_.add(flow.begun.connection, now);
}

void RequestCheck::refuse(Flow& flow, const Refusal& refusal, Time now) {
  flow.packets.refuse(judge_, flow.begun.connection);
  audit(flow, refusal, now);
  forget(inet::Connection(flow.begun.connection));
}

void RequestCheck::audit(const Flow& flow, const Refusal& refusal, Time now) {
  recorder_.record_folded(audit::DenyMisnamed{.name = refusal.name,
                                              .address = flow.begun.connection.remote,
                                              .port = flow.begun.connection.remote_port,
                                              .uid = flow.begun.uid,
                                              .why = refusal.why,
                                              .in = audit::DenyMisnamed::In::http},
                          now);
}

// ---- bounds

void RequestCheck::forget(const inet::Connection& connection) {
  const auto found = by_connection_.find(connection);
  if (found == by_connection_.end()) return;
  found->second->packets.drop(judge_);
  memory_ -= found->second->memory();
  flows_.erase(found->second);
  by_connection_.erase(found);
}

void RequestCheck::make_room(size_t flows) {
  while (flows_.size() + flows > limits::request_flows || memory_ > limits::heads_of_all)
    forget(inet::Connection(flows_.front().begun.connection));
}

event::Deadline RequestCheck::due() const {
  const event::Deadline next = holds_.due();
  if (flows_.empty()) return next;
  return next ? std::min(*next, flows_.front().until) : flows_.front().until;
}

void RequestCheck::expire(Time now) {
  while (const auto held = holds_.next(now))
    if (const auto found = by_connection_.find(*held); found != by_connection_.end())
      found->second->packets.drop(judge_);
  // No denial: a connection may be idle. If the agent sends in it later, its beginning is unknown.
  while (!flows_.empty() && flows_.front().until <= now)
    forget(inet::Connection(flows_.front().begun.connection));
}

}  // namespace ostiary::gate
