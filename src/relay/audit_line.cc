#include "relay/audit_line.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "ostiary/audit/limits.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/text.h"

namespace ostiary::relay {
namespace {

constexpr size_t longest_name = 64;
// An event has at most twelve.
constexpr size_t most_fields = 32;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name &&
         std::ranges::all_of(text, [](char c) { return is_lower_case(c) || is_digit(c) || c == '_'; });
}

// 2026-01-02T03:04:05.678901Z
std::optional<uint64_t> read_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view form = "0000-00-00T00:00:00.000000Z";
  if (text.size() != form.size()) return std::nullopt;
  for (size_t i = 0; i < form.size(); ++i)
    if (form[i] == '0' ? !is_digit(text[i]) : text[i] != form[i]) return std::nullopt;
  const auto number = [&](size_t at, size_t size) {
    return parse_number<int64_t>(text.substr(at, size)).value_or(0);
  };
  const year_month_day date{year(static_cast<int>(number(0, 4))), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  const int64_t hour = number(11, 2);
  const int64_t minute = number(14, 2);
  const int64_t second = number(17, 2);
  // Nanoseconds since 1970 end in 2262.
  if (!date.ok() || date.year() < year(1970) || date.year() > year(2261)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const nanoseconds since_1970 = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) +
                                 seconds(second) + microseconds(number(20, 6));
  return static_cast<uint64_t>(since_1970.count());
}

std::string as_text(const Json* value) {
  if (value == nullptr) return {};
  if (const std::string* text = value->text()) return escape_controls(*text);
  if (const auto number = value->number()) return std::to_string(*number);
  std::vector<std::string> each;
  for (const Json& element : value->elements()) each.push_back(as_text(&element));
  return join(each, ", ");
}

// Makes a sentence of the line's fields.
class Sentence {
 public:
  Sentence(const AuditLine& line, std::string_view begin) : line_(line), text_(begin) {}

  // The field between two texts, if there is one.
  Sentence& with(std::string_view before, std::string_view field, std::string_view after = {}) {
    const std::string value = as_text(line_.fields.find(field));
    if (!value.empty()) append(text_, {before, value, after});
    return *this;
  }
  Sentence& and_then(std::string_view text) {
    text_ += text;
    return *this;
  }
  Sentence& count() {
    const Json* const count = line_.fields.find("count");
    if (count != nullptr && count->number().value_or(1) != 1) with(" (", "count", " times)");
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  const AuditLine& line_;
  std::string text_;
};

std::string_view reason_of_denied_name(std::string_view why) {
  if (why == "no_rule") return "no rule names it";
  if (why == "type") return "its rule does not name this record type";
  if (why == "rebinding") return "its addresses are private or special";
  if (why == "malformed") return "not a question that the gate answers";
  if (why == "bound") return "a limit of the gate is reached";
  if (why == "not_admitted") return "the kernel refused to open its address";
  return "for another reason";
}

std::string denied_name(const AuditLine& line) {
  return Sentence(line, "denied the lookup")
      .with(" of ", "name")
      .with(" (", "type", ")")
      .and_then(": ")
      .and_then(reason_of_denied_name(line.text("why")))
      .with(": ", "detail")
      .with(", by the ", "by")
      .count()
      .take();
}

std::string denied_packet(const AuditLine& line) {
  Sentence sentence(line, line.text("why") == "inbound" ? "denied a packet from outside" : "denied a packet");
  sentence.with(" to ", "address").with(" port ", "port").with(" over ", "protocol").with(" (", "name", ")");
  if (line.text("why").empty())
    sentence.and_then(": no rule allows it");
  else
    sentence.with(": ", "why");
  return sentence.with(", by the ", "by").count().take();
}

std::string denied_misnamed(const AuditLine& line) {
  Sentence sentence(line, "denied a flow");
  return sentence.with(" to ", "address")
      .with(" port ", "port")
      .with(" that named ", "name")
      .with(": ", "why")
      .with(", by the ", "by")
      .count()
      .take();
}

std::string tampering(const AuditLine& line) {
  Sentence sentence(line, "another process changed the rules: ");
  sentence.with("", "what").with(", by ", "program").with(", process ", "process");
  return sentence
      .and_then(line.text("response") == "repaired" ? "; they are repaired" : "; the agent is ended")
      .take();
}

// The events of a helper are named after it: gate_started.
std::optional<std::string> of_helper(const AuditLine& line) {
  const size_t end = line.event.rfind('_');
  if (end == std::string::npos) return std::nullopt;
  const std::string helper = "the " + line.event.substr(0, end);
  const std::string_view what = std::string_view(line.event).substr(end + 1);
  if (what == "started") return helper + " has started";
  if (what == "restarted")
    return Sentence(line, helper).with(" was started again, attempt ", "attempt").take();
  if (what == "died")
    return Sentence(line, helper + " has ended")
        .with(" with status ", "status")
        .with(" by signal ", "signal")
        .with(" and could not be started: ", "why")
        .take();
  return std::nullopt;
}

}  // namespace

std::string_view AuditLine::text(std::string_view field) const {
  const Json* const value = fields.find(field);
  const std::string* const text = value == nullptr ? nullptr : value->text();
  return text == nullptr ? std::string_view() : *text;
}

std::optional<AuditLine> read_audit_line(std::string_view line) {
  if (line.size() > audit::limits::line_octets) return std::nullopt;
  constexpr int lists_within_an_object = 3;
  auto fields = Json::parse(line, lists_within_an_object);
  if (!fields || !fields->is_object() || fields->members().size() > most_fields) return std::nullopt;
  AuditLine read{.fields = *std::move(fields)};
  const auto time = read_time(read.text("time"));
  if (!time) return std::nullopt;
  read.time = *time;
  read.event = read.text("event");
  if (read.event == "deny") {
    if (!is_name(read.text("kind"))) return std::nullopt;
    read.event += "_" + std::string(read.text("kind"));
  }
  for (const Json::Member& each : read.fields.members())
    if (!is_name(each.key)) return std::nullopt;
  return is_name(read.event) ? std::optional(std::move(read)) : std::nullopt;
}

otlp::Severity severity_of(const AuditLine& line) {
  if (line.event.starts_with("deny_"))
    return line.text("by") == "self-test" ? otlp::Severity::info : otlp::Severity::warn;
  if (line.event == "tampering") return otlp::Severity::warn;
  const bool has_failed = line.event == "upstream_failure" || line.event == "events_lost" ||
                          line.event.ends_with("_died") ||
                          (line.event == "probe" && line.text("outcome") == "got_out");
  return has_failed ? otlp::Severity::error : otlp::Severity::info;
}

std::string sentence_of(const AuditLine& line) {
  const std::string& event = line.event;
  const auto begin = [&](std::string_view text) { return Sentence(line, text); };
  if (event == "boot")
    return begin("ostiary").with(" ", "version").with(" starts ", "command").with(" as ", "user").take();
  if (event == "phase") return begin("phase").with(" ", "phase").with(": ", "what").take();
  if (event == "allow") return begin("allowed").with(" ", "name").with(": ", "ports").take();
  if (event == "deny_name") return denied_name(line);
  if (event == "deny_packet") return denied_packet(line);
  if (event == "deny_tls" || event == "deny_http") return denied_misnamed(line);
  if (event == "deny_other") return begin("denials that have no other line").with(": ", "count").take();
  if (event == "admit")
    return begin("opened")
        .with(" ", "address")
        .with(" port ", "port")
        .with(" to ", "last_port")
        .with(" over ", "protocol")
        .with(" for ", "seconds", " seconds")
        .with(" (", "name", ")")
        .take();
  if (event == "upstream_failure")
    return begin("could not resolve").with(" ", "name").with(": ", "why").count().take();
  if (event == "tampering") return tampering(line);
  if (event == "probe")
    return begin("self-test").with(", ", "probe").with(": ", "outcome").with(": ", "detail").take();
  if (event == "rotated")
    return begin("a new file of the audit begins").with("; lines that were deleted: ", "deleted").take();
  if (event == "events_lost") return begin("lines of the audit that were lost").with(": ", "count").take();
  if (event == "exit") return begin("exit").with(" with status ", "status").with(": ", "reason").take();
  return of_helper(line).value_or(event);
}

std::vector<otlp::Field> attributes_of(const AuditLine& line) {
  std::vector<otlp::Field> attributes;
  for (const Json::Member& each : line.fields.members()) {
    // The road is of the file: the agent cannot send lines to the relay.
    if (each.key == "time" || each.key == "event" || each.key == "road") continue;
    const std::string key = "ostiary." + each.key;
    if (const std::string* text = each.value.text()) {
      attributes.push_back({key, *text});
    } else if (const auto number = each.value.number()) {
      constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
      attributes.push_back({key, static_cast<int64_t>(std::min(*number, largest))});
    } else if (each.value.is_array()) {
      std::vector<std::string> texts;
      for (const Json& element : each.value.elements()) texts.push_back(as_text(&element));
      attributes.push_back({key, std::move(texts)});
    }
  }
  return attributes;
}

bool may_be_of_agent(const AuditLine& line) {
  if (line.event.starts_with("deny_")) return line.text("by").empty() && line.text("why") != "inbound";
  return line.event == "allow" || line.event == "admit" || line.event == "upstream_failure" ||
         line.event == "tampering";
}

}  // namespace ostiary::relay
