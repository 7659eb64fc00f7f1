#include "gate_helper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "helper_reports.h"
#include "ostiary/base/log.h"
#include "readable.h"

namespace ostiary::boot {
namespace {

using gate::Message;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

// An error if the gate has failed, or has ended.
Result<Message> expect(Result<std::optional<Message>> received, const char* ended) {
  auto message = TRY(std::move(received));
  if (!message) return fail(Exit::unavailable, ended);
  if (message->kind == Message::Kind::failed) return fail(message->exit, std::move(message->text));
  return *std::move(message);
}

Result<> add(Resolution& resolution, Message message) {
  using Kind = Resolution::Unopened::Kind;
  switch (message.kind) {
    case Message::Kind::admitted:
      log::debug("phase 1: " + message.reason + " is at " + message.text);
      resolution.admitted.push_back(TRY(inet::IpAddress::parse(message.text)));
      break;
    case Message::Kind::unresolved:
      resolution.unopened.push_back({Kind::unresolved, std::move(message.text), std::move(message.reason)});
      break;
    case Message::Kind::withheld:
      resolution.unopened.push_back({Kind::withheld, std::move(message.text), std::move(message.reason)});
      break;
    default:
      break;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<GateHelper>> GateHelper::create(Parts parts) {
  auto count = TRY(SharedPage<gate::WildcardCount>::create("ostiary-wildcard-count"));
  return std::unique_ptr<GateHelper>(new GateHelper(std::move(parts), std::move(count)));
}

GateHelper::GateHelper(Parts parts, SharedPage<gate::WildcardCount> wildcard_count)
    : parts_(std::move(parts)),
      wildcard_count_(std::move(wildcard_count)),
      helper_(parts_.description, {.run = parts_.run}, parts_.modes,
              {.prepare = [this] { return prepare_start(); },
               .on_message = [this](std::string_view octets) { return on_message(octets); }},
              report_to(parts_.audit, parts_.description)) {
  parts_.setup.audit_bound = parts_.audit.bound();
  parts_.audit.share_with([this](int file) { (void)gate::hand_over_audit(helper_, file); });
}

keeper::Start GateHelper::prepare_start() const {
  return gate::prepare_start(parts_.listeners, parts_.setup,
                             {.audit = parts_.audit.fd(),
                              .audit_for_relay = parts_.audit.senders_end(),
                              .wildcard_count = wildcard_count_.fd(),
                              .relay = parts_.relay});
}

// ---- phase 1

Result<Resolution> GateHelper::start(const event::Signals& requests) {
  TRY(helper_.start());
  TRY(begin(TRY(expect(gate::receive(helper_, keeper::time_to_begin), "the gate ended before it began"))));
  auto resolution = TRY(await_plan(requests));
  parts_.setup.initial_sets = gate::InitialSets::continued;
  return resolution;
}

// The rules expect the gate's changes before it makes one.
Result<> GateHelper::begin(const Message& hello) {
  if (hello.kind != Message::Kind::hello) return fail(Exit::unavailable, "the gate sent no hello");
  parts_.expect_changes_from(hello.number);
  helper_.begin();
  (void)gate::send_begin(helper_);  // fails if the gate has ended, which is noticed next
  return {};
}

Result<Resolution> GateHelper::await_plan(const event::Signals& requests) {
  Resolution resolution;
  const auto deadline = steady_clock::now() + parts_.setup.resolve_timeout + keeper::time_to_begin;
  while (true) {
    const auto left = std::max(std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), 0ms);
    if (wait_for(helper_.fd(), requests.fd(), left) == Readable::second) return resolution;
    // An error if it sent none in time.
    auto message = TRY(expect(gate::receive(helper_, 0ms), "the gate ended before it was ready"));
    if (message.kind == Message::Kind::full) parts_.audit.begin_new_file();
    if (message.kind == Message::Kind::ready) {
      resolution.resolved = message.number;
      return resolution;
    }
    TRY(add(resolution, std::move(message)));
  }
}

Result<> GateHelper::end_self_test() {
  TRY(gate::send_tested(helper_));
  while (true) {
    const auto message =
        TRY(expect(gate::receive(helper_, keeper::time_to_begin), "the gate ended during the self-test"));
    if (message.kind == Message::Kind::full) parts_.audit.begin_new_file();
    if (message.kind == Message::Kind::tested) return {};
  }
}

// ---- while the agent runs

// Of a gate that was started again, the keeper takes the hello, a failure and the request for a new
// file of the audit. SIGCHLD reports its end.
Result<> GateHelper::on_message(std::string_view octets) {
  const auto message = gate::parse_message(octets);
  if (!message && !helper_.has_begun()) return fail(Exit::unavailable, "the gate sent a malformed message");
  if (!message) return {};
  if (message->kind == Message::Kind::failed) {
    log::warn(message->text);
    return {};
  }
  if (!helper_.has_begun()) return begin(*message);
  if (message->kind == Message::Kind::full) parts_.audit.begin_new_file();
  return {};
}

// A gate that has not begun has admitted nothing. Nor would the rules expect its changes yet.
void GateHelper::readmit() {
  if (helper_.has_begun()) (void)gate::send_restore(helper_);
}

}  // namespace ostiary::boot
