#include "relay_helper.h"

#include <algorithm>
#include <utility>

#include <sys/wait.h>

#include "helper_reports.h"
#include "ostiary/base/log.h"
#include "ostiary/event/deadline.h"
#include "readable.h"

namespace ostiary::boot {
namespace {

using relay::Message;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

std::string posts(uint32_t number) {
  return std::to_string(number) + (number == 1 ? " request" : " requests");
}
std::string_view were(uint32_t number) {
  return number == 1 ? " was " : " were ";
}

std::string octets(uint32_t number) {
  return std::to_string(number) + (number == 1 ? " octet" : " octets");
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : std::move(text) + ": " + reason;
}

}  // namespace

Result<std::unique_ptr<RelayHelper>> RelayHelper::create(Parts parts) {
  const relay::Setup& setup = parts.plan.setup;
  Listeners listeners;
  if (!setup.collectors.empty()) listeners.telemetry = TRY(relay::open_listener());
  for (const relay::ForwardSetup& each : setup.forwards)
    listeners.forwards.push_back(TRY(relay::open_listener(each.port)));
  auto pair = TRY(link::make_connection_pair());
  while (parts.spools.size() < setup.collectors.size()) parts.spools.push_back(TRY(relay::open_spool()));
  return std::unique_ptr<RelayHelper>(
      new RelayHelper(std::move(parts), std::move(listeners), std::move(pair)));
}

RelayHelper::RelayHelper(Parts parts, Listeners listeners, link::ConnectionPair pair)
    : parts_(std::move(parts)),
      listeners_(std::move(listeners)),
      pair_(std::move(pair)),
      helper_(parts_.description, std::move(parts_.code), parts_.modes,
              {.prepare =
                   [this] {
                     return relay::prepare_start(parts_.plan.setup, parts_.plan.credentials, descriptors());
                   },
               .on_message = [this](std::string_view octets) { return on_message(octets); }},
              report_to(parts_.audit, parts_.description)) {}

relay::KeeperFds RelayHelper::descriptors() const {
  relay::KeeperFds fds{
      .listener = listeners_.telemetry.get(), .gate = pair_.relay.get(), .audit = parts_.audit.relays_end()};
  for (size_t i = 0; i < parts_.spools.size(); ++i) fds.spools.at(i) = parts_.spools[i].get();
  for (size_t i = 0; i < listeners_.forwards.size(); ++i) fds.forwards.at(i) = listeners_.forwards[i].get();
  return fds;
}

// ---- phase 1

Result<> RelayHelper::await() {
  while (!helper_.has_begun()) {
    const auto octets = TRY(helper_.receive(keeper::time_to_begin));
    if (!octets) return fail(Exit::unavailable, "the relay ended before it began");
    const auto message = relay::parse_message(*octets);
    if (!message) return fail(Exit::unavailable, "the relay sent a malformed message");
    if (message->kind == Message::Kind::failed) return fail(message->exit, message->text);
    if (message->kind == Message::Kind::hello) helper_.begin();
  }
  return {};
}

// ---- while the agent runs

Result<> RelayHelper::on_message(std::string_view octets) {
  const auto message = relay::parse_message(octets);
  if (!message)
    return helper_.has_begun() ? Result<>{} : fail(Exit::unavailable, "the relay sent a malformed message");
  if (message->kind == Message::Kind::hello && !helper_.has_begun()) helper_.begin();
  log(*message);
  return {};
}

void RelayHelper::log(const Message& message) const {
  const std::string& collector = message.text;
  switch (message.kind) {
    case Message::Kind::delivered:
      return log::info(with_reason("telemetry arrives at " + collector, message.reason));
    case Message::Kind::delayed:
      return log::warn("telemetry waits for " + collector + ": " + message.reason);
    case Message::Kind::refused:
      return log::warn(collector + " refused " + posts(message.number) + " of telemetry: " + message.reason);
    case Message::Kind::rejected:
      return log::warn(collector + " rejected " + std::to_string(message.number) +
                       (message.number == 1 ? " record: " : " records: ") + message.reason);
    case Message::Kind::unserved:
      return log::warn(posts(message.number) + " for " + message.text + std::string(were(message.number)) +
                       "not forwarded: " + message.reason);
    case Message::Kind::left_out:
      return log::warn(std::to_string(message.number) + (message.number == 1 ? " point" : " points") +
                       " of the agent's metrics for " + collector + std::string(were(message.number)) +
                       "left out: " + message.reason);
    case Message::Kind::forgotten:
      return log::warn(std::to_string(message.number) + (message.number == 1 ? " sum" : " sums") +
                       " of the agent's metrics for " + collector + std::string(were(message.number)) +
                       "given up: " + message.reason);
    case Message::Kind::displaced:
      return log::warn(posts(message.number) + " of telemetry for " + collector +
                       std::string(were(message.number)) + "given up: the queue is full");
    case Message::Kind::recovered:
      return log::info(posts(message.number) + " of telemetry from before" +
                       (message.number == 1 ? " waits for " : " wait for ") + collector);
    case Message::Kind::damaged:
      return log::warn("the queue of telemetry for " + collector + " is damaged: " + octets(message.number) +
                       std::string(were(message.number)) + "given up");
    case Message::Kind::served:
      return report_death(parts_.audit, parts_.description, static_cast<pid_t>(message.number),
                          static_cast<int>(message.status));
    case Message::Kind::failed:
      return log::warn(message.text);
    case Message::Kind::hello:
    case Message::Kind::drained:
      return;
  }
}

// ---- the end

// Of telemetry that is not delivered.
std::string RelayHelper::fate() const {
  const std::string& directory = parts_.plan.spool_directory;
  return directory.empty() ? "lost" : "kept in " + directory + " for the next start";
}

void RelayHelper::drain(milliseconds longest, const event::Signals& requests) {
  if (!helper_.has_begun() || !helper_.send(relay::render_drain({.time_limit = longest}))) return;
  // The relay itself ends the wait in time, unless it is stopped.
  const auto deadline = steady_clock::now() + longest + 1s;
  while (true) {
    const auto left = std::max(std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), 0ms);
    const Readable readable = wait_for(helper_.fd(), requests.fd(), left);
    if (readable == Readable::second)
      return log::warn("a signal ended the delivery of telemetry: what the relay still has is " + fate());
    const Result<std::optional<std::string>> octets =
        readable == Readable::first ? helper_.receive(0ms) : std::optional<std::string>();
    const auto message = octets && *octets ? relay::parse_message(**octets) : std::nullopt;
    if (!octets || !*octets)
      return log::warn("the relay does not answer: telemetry that it still has is " + fate());
    if (!message) continue;
    log(*message);
    if (message->kind != Message::Kind::drained) continue;
    if (message->number > 0)
      log::warn(posts(message->number) + " of telemetry" + std::string(were(message->number)) +
                "not delivered in time: " + fate());
    return;
  }
}

}  // namespace ostiary::boot
