#include "name_check.h"

#include <algorithm>
#include <utility>

#include "limits.h"
#include "ostiary/tls/retry.h"
#include "sequence.h"
#include "why.h"

namespace ostiary::gate {
namespace {

using nft::FlowState;
using nft::WaitingPacket;

}  // namespace

void NameCheck::take(const WaitingPacket& packet, Time now) {
  const bool from_agent = packet.from == WaitingPacket::From::agent;
  const bool begins = from_agent && packet.begins;
  make_room(begins ? 1 : 0, now);
  if (begins) return begin(packet, now);
  if (from_agent && requests_.knows(packet.connection)) return requests_.take(packet, now);
  const auto found = by_connection_.find(packet.connection);
  if (found == by_connection_.end()) return take_unknown(packet, now);
  Flow& flow = *found->second;
  if (from_agent)
    take_sent(flow, packet, now);
  else
    take_answer(flow, packet, now);
}

// A SYN with data (TCP Fast Open) is dropped: the sender's next one carries none.
void NameCheck::begin(const WaitingPacket& packet, Time now) {
  if (const auto found = by_connection_.find(packet.connection); found != by_connection_.end()) {
    if (is_again(*found->second, packet)) return dependencies_.judge.pass(packet.id);
    drop_waiting(*found->second);
    forget(*found->second);
  }
  requests_.forget(packet.connection);
  if (!packet.data.empty() || !dependencies_.judge.begin(packet.connection))
    return dependencies_.judge.drop(packet.id);
  silent_.push_back({.connection = packet.connection,
                     .uid = packet.uid,
                     .until = now + limits::silent_time,
                     .first = packet.sequence + 1});
  by_connection_.emplace(packet.connection, std::prev(silent_.end()));
  dependencies_.judge.pass(packet.id);
}

// The SYN of this very flow.
bool NameCheck::is_again(const Flow& flow, const WaitingPacket& syn) {
  return flow.sent.empty() && syn.data.empty() && flow.first == syn.sequence + 1;
}

// A flow of an earlier gate, or a packet that was queued just before its flow was judged.
void NameCheck::take_unknown(const WaitingPacket& packet, Time now) {
  nft::FlowJudge& judge = dependencies_.judge;
  switch (judge.state(packet.connection)) {
    case FlowState::permitted:
      return judge.pass(packet.id);
    case FlowState::refused:
      return packet.from == WaitingPacket::From::agent ? judge.reset(packet.id) : judge.drop(packet.id);
    case FlowState::gone:
      return judge.drop(packet.id);
    case FlowState::nameless:
      break;
  }
  if (packet.from == WaitingPacket::From::server) return judge.drop(packet.id);
  Flow flow{.connection = packet.connection, .uid = packet.uid, .until = now};
  hold(flow, packet.id);
  reset(flow);
  if (!packet.data.empty()) audit(flow, {}, why::unseen, now);
}

// ---- what the agent sends

void NameCheck::take_sent(Flow& flow, const WaitingPacket& packet, Time now) {
  nft::FlowJudge& judge = dependencies_.judge;
  if (packet.is_urgent) return refuse_at(flow, packet, flow.name, why::urgent, now);
  const int64_t offset = distance(flow.first, packet.sequence);
  const auto known = static_cast<int64_t>(flow.sent.size());
  // Before the first octet, or behind one that is missing: it comes again.
  if (offset < 0 || offset > known) return judge.drop(packet.id);
  const auto again = packet.data.first(std::min(packet.data.size(), static_cast<size_t>(known - offset)));
  if (has_changed(flow, static_cast<size_t>(offset), again))
    return refuse_at(flow, packet, flow.name, why::changed, now);
  const auto fresh = packet.data.subspan(again.size());
  if (fresh.empty()) {
    const bool has_passed = static_cast<size_t>(offset) + again.size() <= flow.passed;
    return has_passed ? judge.pass(packet.id) : judge.drop(packet.id);
  }
  const bool is_long = flow.sent.size() + fresh.size() > limits::nameless_octets;
  if (is_long && flow.waits != Flow::Waits::for_answer && flow.waits != Flow::Waits::for_acknowledgement)
    return refuse_at(flow, packet, flow.name, text(tls::HelloFault::too_long), now);
  const bool is_full = is_long || flow.packets.size() >= limits::waiting_packets_of_a_flow ||
                       (flow.waits == Flow::Waits::for_answer && waiting_ >= limits::waiting_packets);
  if (is_full) return judge.drop(packet.id);
  if (flow.sent.empty()) move(flow, unfinished_, now + limits::hello_time);
  flow.sent.insert(flow.sent.end(), fresh.begin(), fresh.end());
  octets_ += fresh.size();
  hold(flow, packet.id);
  switch (flow.waits) {
    case Flow::Waits::for_hello:
      return read_hello(flow, packet, now);
    case Flow::Waits::for_answer:
      return;
    case Flow::Waits::for_second_hello:
      return read_second_hello(flow, now);
    case Flow::Waits::for_acknowledgement:
      return pass_waiting(flow);
  }
}

// Compares only those octets that are sent again on which the verdict depends.
bool NameCheck::has_changed(const Flow& flow, size_t offset, std::span<const uint8_t> again) {
  const size_t read = flow.waits == Flow::Waits::for_acknowledgement ? flow.judged : flow.sent.size();
  const auto compared = again.first(std::min(again.size(), read - std::min(read, offset)));
  return !std::ranges::equal(compared, std::span(flow.sent).subspan(offset, compared.size()));
}

void NameCheck::read_hello(Flow& flow, const WaitingPacket& packet, Time now) {
  const tls::HelloScan scan = tls::scan_client_hello(flow.sent, encrypted_);
  if (const auto* more = std::get_if<tls::NeedMore>(&scan)) return take_part_of_hello(flow, more->found, now);
  if (const auto* fault = std::get_if<tls::HelloFault>(&scan)) return take_fault(flow, packet, *fault, now);
  const auto& hello = std::get<tls::ClientHello>(scan);
  if (const auto objection = objection_to(flow, hello.name.text()); !objection.empty())
    return refuse(flow, hello.name.text(), objection, now);
  flow.name = hello.name.text();
  flow.hello = hello.octets;
  // A second hello in the same packet would pass with the first.
  if (!tls::is_skipped_before_second_hello(std::span(flow.sent).subspan(flow.hello)))
    return refuse(flow, flow.name, why::early_hello, now);
  move(flow, answering_, now + limits::answer_time);
  flow.waits = Flow::Waits::for_answer;
  flow.first_answer = packet.acknowledged.value_or(0);
  pass_waiting(flow);
}

// A server may choose the site as soon as it has the name. So the name waits until it is whole and allowed. Octets before
// and after it pass at once, because the kernel sends only a few packets without an answer.
void NameCheck::take_part_of_hello(Flow& flow, const tls::NameSoFar& found, Time now) {
  if (found.part == tls::PartOfName::some) return hold_unfinished(flow, now);
  if (found.part == tls::PartOfName::whole) {
    flow.name = found.name.text();
    if (const auto objection = objection_to(flow, flow.name); !objection.empty())
      return refuse(flow, flow.name, objection, now);
  }
  pass_waiting(flow);
}

std::string_view NameCheck::objection_to(const Flow& flow, std::string_view name) const {
  return dependencies_.rules.objection(flow.connection, name, policy::OpenedBy::tls_name);
}

// Something that is not TLS goes on if a rule that asks for no name led to this address too, or it is read as HTTP if
// some rule asks for that. A server may ignore records of TLS before the hello.
void NameCheck::take_fault(Flow& flow, const WaitingPacket& packet, tls::HelloFault fault, Time now) {
  const NameRules& rules = dependencies_.rules;
  if (fault == tls::HelloFault::not_tls && !tls::begins_record(flow.sent)) {
    if (rules.admits_any_flow(flow.connection, now))
      return await_acknowledgement(flow, std::min(flow.sent.size(), tls::limits::octets_of_kind), now);
    if (rules.asks_for_requests(flow.connection)) return hand_over(flow, packet, now);
  }
  refuse(flow, flow.name, text(fault), now);
}

void NameCheck::hand_over(Flow& flow, const WaitingPacket& packet, Time now) {
  if (dependencies_.judge.follow(flow.connection)) {
    waiting_ -= flow.packets.size();
    requests_.begin({flow.connection, flow.uid, flow.first, packet.ends}, flow.sent,
                    std::exchange(flow.packets, {}), now);
  }
  drop_waiting(flow);
  forget(flow);
}

void NameCheck::read_second_hello(Flow& flow, Time now) {
  const tls::HelloScan scan = tls::scan_second_hello(std::span(flow.sent).subspan(flow.hello), encrypted_);
  const auto rest = std::span(flow.sent).subspan(flow.hello);
  if (std::holds_alternative<tls::NeedMore>(scan)) {
    if (tls::is_skipped_before_second_hello(rest)) return pass_waiting(flow);
    return hold_unfinished(flow, now);
  }
  if (const auto* fault = std::get_if<tls::HelloFault>(&scan))
    return refuse(flow, flow.name, text(*fault), now);
  const auto& hello = std::get<tls::ClientHello>(scan);
  if (hello.name.text() != flow.name) return refuse(flow, hello.name.text(), why::another_name, now);
  await_acknowledgement(flow, flow.hello + hello.octets, now);
}

void NameCheck::hold_unfinished(Flow& flow, Time now) {
  if (waiting_ >= limits::waiting_packets) return drop_waiting(flow);
  holds_.add(flow.connection, now);
}

void NameCheck::await_acknowledgement(Flow& flow, size_t octets, Time now) {
  move(flow, answering_, now + limits::answer_time);
  flow.waits = Flow::Waits::for_acknowledgement;
  flow.judged = octets;
  pass_waiting(flow);
}

// ---- what the server answers

// Before the hello, and after its retry, what it sends proves nothing.
void NameCheck::take_answer(Flow& flow, const WaitingPacket& packet, Time now) {
  const int64_t acknowledged = packet.acknowledged ? distance(flow.first, *packet.acknowledged) : 0;
  const auto has = [acknowledged](size_t octets) { return acknowledged >= static_cast<int64_t>(octets); };
  nft::FlowJudge& judge = dependencies_.judge;
  judge.pass_now(packet.id);
  if (flow.waits == Flow::Waits::for_acknowledgement && has(flow.judged)) return permit(flow);
  if (flow.waits == Flow::Waits::for_answer && has(flow.hello)) read_answer(flow, packet, now);
}

void NameCheck::read_answer(Flow& flow, const WaitingPacket& packet, Time now) {
  const int64_t offset = distance(flow.first_answer, packet.sequence);
  const auto known = static_cast<int64_t>(flow.answer.size());
  const auto end = offset + static_cast<int64_t>(packet.data.size());
  // The agent cannot read what comes behind a missing octet.
  if (offset > known || end <= known) return;
  const auto fresh = packet.data.subspan(static_cast<size_t>(known - offset));
  const size_t enough = std::min(fresh.size(), tls::limits::answer_octets);
  flow.answer.insert(flow.answer.end(), fresh.begin(), fresh.begin() + static_cast<ptrdiff_t>(enough));
  const tls::FirstAnswer answer = tls::scan_first_answer(flow.answer);
  if (answer == tls::FirstAnswer::other) return permit(flow);
  if (answer == tls::FirstAnswer::need_more) return;
  flow.waits = Flow::Waits::for_second_hello;
  if (!flow.packets.empty()) read_second_hello(flow, now);
}

// ---- verdicts

void NameCheck::hold(Flow& flow, uint32_t packet) {
  flow.packets.add(packet);
  ++waiting_;
}

void NameCheck::pass_waiting(Flow& flow) {
  waiting_ -= flow.packets.size();
  flow.packets.pass(dependencies_.judge);
  flow.passed = flow.sent.size();
}

void NameCheck::drop_waiting(Flow& flow) {
  waiting_ -= flow.packets.size();
  flow.packets.drop(dependencies_.judge);
}

void NameCheck::permit(Flow& flow) {
  if (dependencies_.judge.permit(flow.connection))
    pass_waiting(flow);
  else
    drop_waiting(flow);
  forget(flow);
}

void NameCheck::reset(Flow& flow) {
  waiting_ -= flow.packets.size();
  flow.packets.refuse(dependencies_.judge, flow.connection);
}

void NameCheck::refuse(Flow& flow, std::string_view name, std::string_view reason, Time now) {
  reset(flow);
  audit(flow, name, reason, now);
  forget(flow);
}

void NameCheck::refuse_at(Flow& flow, const WaitingPacket& packet, std::string_view name,
                          std::string_view reason, Time now) {
  hold(flow, packet.id);
  refuse(flow, name, reason, now);
}

void NameCheck::audit(const Flow& flow, std::string_view name, std::string_view reason, Time now) {
  dependencies_.recorder.record_folded(audit::DenyMisnamed{.name = name,
                                                           .address = flow.connection.remote,
                                                           .port = flow.connection.remote_port,
                                                           .uid = flow.uid,
                                                           .why = reason},
                                       now);
}

// ---- bounds

NameCheck::Flows& NameCheck::place_of(const Flow& flow) {
  if (flow.waits != Flow::Waits::for_hello) return answering_;
  return flow.sent.empty() ? silent_ : unfinished_;
}

// Before what `place_of` looks at changes.
void NameCheck::move(Flow& flow, Flows& to, Time until) {
  to.splice(to.end(), place_of(flow), by_connection_.find(flow.connection)->second);
  flow.until = until;
}

// Of those that have not finished a hello, if there is one.
NameCheck::Flow& NameCheck::oldest() {
  if (silent_.empty() && unfinished_.empty()) return answering_.front();
  if (silent_.empty()) return unfinished_.front();
  if (unfinished_.empty()) return silent_.front();
  const Time silent_since = silent_.front().until - limits::silent_time;
  const Time unfinished_since = unfinished_.front().until - limits::hello_time;
  return silent_since < unfinished_since ? silent_.front() : unfinished_.front();
}

void NameCheck::make_room(size_t flows, Time now) {
  while (by_connection_.size() + flows > limits::nameless_flows || octets_ > limits::nameless_octets_of_all)
    refuse(oldest(), oldest().name, why::crowded, now);
}

void NameCheck::forget(const Flow& flow) {
  octets_ -= flow.sent.size();
  Flows& flows = place_of(flow);
  const auto found = by_connection_.find(flow.connection);
  const auto place = found->second;
  by_connection_.erase(found);
  flows.erase(place);
}

event::Deadline NameCheck::due() const {
  event::Deadline due = requests_.due();
  const auto add = [&due](Time until) { due = due ? std::min(*due, until) : until; };
  if (const auto next = holds_.due()) add(*next);
  for (const Flows* flows : {&silent_, &unfinished_, &answering_})
    if (!flows->empty()) add(flows->front().until);
  return due;
}

void NameCheck::drop_held(Time now) {
  while (const auto held = holds_.next(now)) {
    const auto found = by_connection_.find(*held);
    if (found == by_connection_.end()) continue;
    Flow& flow = *found->second;
    if (flow.waits == Flow::Waits::for_hello || flow.waits == Flow::Waits::for_second_hello)
      drop_waiting(flow);
  }
}

void NameCheck::expire(Time now) {
  drop_held(now);
  requests_.expire(now);
  // No denial: many connections end without a word. If this one sends later, its beginning is unknown.
  while (!silent_.empty() && silent_.front().until <= now) forget(silent_.front());
  while (!unfinished_.empty() && unfinished_.front().until <= now)
    refuse(unfinished_.front(), unfinished_.front().name, why::unfinished, now);
  // No denial either, unless something waits: the server may have ended the connection.
  while (!answering_.empty() && answering_.front().until <= now) {
    Flow& flow = answering_.front();
    if (flow.packets.empty())
      forget(flow);
    else
      refuse(flow, flow.name, why::no_answer, now);
  }
}

}  // namespace ostiary::gate
