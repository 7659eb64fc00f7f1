// Prints ostiary's own telemetry, for comparison with the protobuf library. Input: lines of the audit,
// after the id of a session or an empty line. Output, one line for each request, in hexadecimal octets:
// those of log records, and last that of metrics.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/base/encoding.h"
#include "otlp/message.h"
#include "relay/own_telemetry.h"

using namespace ostiary;

namespace {

// A log record of the agent in this session, in a trace.
relay::Post log_of(const std::string& session) {
  std::string body;
  otlp::Writer out(body);
  otlp::Writer block(out, 1);
  otlp::Writer scope(block, 2);
  otlp::Writer record(scope, 2);
  {
    otlp::Writer attribute(record, 6);
    otlp::add(attribute, 1, "session.id");
    otlp::Writer value(attribute, 2);
    otlp::add(value, 1, session);
  }
  otlp::add(record, 9, "0123456789abcdef");
  otlp::add(record, 10, "01234567");
  record.commit();
  scope.commit();
  block.commit();
  return {.signal = telemetry::Signal::logs, .body = body};
}

}  // namespace

int main() {
  const auto loop = event::Loop::create();
  if (!loop) return 1;
  const std::vector<otlp::Attribute> of_agent{{"service.name", "claude-code"}, {"container.id", "c1"}};
  relay::OwnTelemetry own(
      {.loop = **loop,
       .wall_clock = [] { return std::chrono::system_clock::time_point(std::chrono::hours(1)); },
       .queue = [] { return relay::OwnMetrics::Queue{.octets = 4096, .posts = 2, .series = {}}; },
       .deliver =
           [](const relay::Post& post) {
             std::string text;
             for (const char octet : post.body) append_hexadecimal(text, static_cast<uint8_t>(octet));
             std::puts(text.c_str());
           }},
      of_agent, "1.2");
  std::string line;
  std::getline(std::cin, line);
  if (!line.empty()) own.see(log_of(line));
  while (std::getline(std::cin, line)) own.take_lines(line);
  own.count(relay::Report{.kind = relay::Report::Kind::delivered});
  own.flush();
}
