// reading.h: a journal as a reader sees it.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace ostiary::audit::testing {

// The events in a journal, and the number of lines that are none.
struct Reading {
  std::vector<nlohmann::json> events;
  size_t broken = 0;
  size_t empty = 0;

  // The number of events that are reported as lost.
  uint64_t lost() const {
    uint64_t sum = 0;
    for (const auto& event : events)
      if (event["event"] == "events_lost") sum += event["count"].get<uint64_t>();
    return sum;
  }
  size_t count(std::string_view name) const {
    size_t sum = 0;
    for (const auto& event : events) sum += event["event"] == name ? 1 : 0;
    return sum;
  }
};

inline Reading read_journal(const std::string& content) {
  Reading reading;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    auto event = nlohmann::json::parse(line, nullptr, false);
    if (line.empty())
      ++reading.empty;
    else if (event.is_discarded())
      ++reading.broken;
    else
      reading.events.push_back(std::move(event));
  }
  return reading;
}

}  // namespace ostiary::audit::testing
