// The messages between keeper and gate: the gate's messages, and its setup. An accepted message is
// one that the other side would have written: written again, it is the same.
#include <algorithm>
#include <string>
#include <utility>

#include "fuzz.h"
#include "ostiary/base/record.h"
#include "ostiary/link/gate_channel.h"
#include "ostiary/link/gate_setup.h"

using namespace ostiary;
using gate::Message;

namespace {

void check_any_message(std::string_view octets) {
  const auto message = gate::parse_message(octets);
  if (!message) return;
  HOLDS(message->kind <= Message::Kind::failed);
  HOLDS(std::ranges::find(every_exit, message->exit) != every_exit.end());
  if (message->text.size() <= 1024 && message->reason.size() <= 1024)
    HOLDS(gate::render_message(*message) == octets);
  for (size_t size = 0; size < octets.size(); ++size) HOLDS(!gate::parse_message(octets.substr(0, size)));
}

void check_any_command(std::string_view octets) {
  if (const auto command = gate::parse_command(octets)) HOLDS(gate::render_command(*command) == octets);
}

// A gate may send any text. It arrives up to its size limit.
void check_own_message(fuzz::Input input) {
  const auto kind = gate::every_message_kind[input.octet() % gate::every_message_kind.size()];
  const Exit exit = every_exit[input.octet() % every_exit.size()];
  const uint32_t number = uint32_t{input.number()} << 16U | input.number();
  const std::string text(fuzz::as_text(input.take(input.number())));
  const std::string reason(input.rest_as_text());
  const std::string octets =
      gate::render_message({.kind = kind, .exit = exit, .number = number, .text = text, .reason = reason});
  HOLDS(octets.size() <= keeper::limits::datagram);
  const auto read = gate::parse_message(octets);
  HOLDS(read && read->kind == kind && read->exit == exit && read->number == number);
  HOLDS(read->text == text.substr(0, 1024) && read->reason == reason.substr(0, 1024));
}

bool same(const policy::Rule& a, const policy::Rule& b) {
  return a.subject == b.subject && a.ports == b.ports && a.protocol == b.protocol && a.answers == b.answers &&
         a.tls == b.tls && a.types == b.types && a.need == b.need && a.reason == b.reason;
}

void check_setup(std::string_view text) {
  const auto setup = gate::parse_setup(text);
  if (!setup) return;
  for (const policy::Rule& rule : setup->rules) {
    HOLDS(policy::text(rule.protocol) != "none" && !rule.ports.empty());
    HOLDS(rule.answers <= policy::Answers::private_too && rule.need <= policy::Need::required);
    HOLDS(rule.tls <= policy::Named::nowhere);
  }
  HOLDS(setup->initial_sets <= gate::InitialSets::continued);
  HOLDS(setup->terms.ipv4 <= gate::Reachability::reachable &&
        setup->terms.ipv6 <= gate::Reachability::reachable);
  const auto again = gate::parse_setup(gate::render_setup(*setup));
  HOLDS(again && again->rules.size() == setup->rules.size() && again->upstreams == setup->upstreams);
  for (size_t i = 0; i < setup->rules.size(); ++i) HOLDS(same(again->rules[i], setup->rules[i]));
  HOLDS(again->terms.hold == setup->terms.hold && again->resolve_timeout == setup->resolve_timeout);
  HOLDS(again->audit_bound.octets() == setup->audit_bound.octets());
  HOLDS(again->name_queue == setup->name_queue && again->encrypted_hello == setup->encrypted_hello);
  HOLDS(again->mark == setup->mark && again->log_group == setup->log_group);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.octet()) {
    case 'm':
      check_any_message(input.rest_as_text());
      break;
    case 'c':
      check_any_command(input.rest_as_text());
      break;
    case 's':
      check_setup(input.rest_as_text());
      break;
    default:
      check_own_message(input);
  }
  return 0;
}
