// A loop whose time the test moves.
#pragma once

#include <chrono>
#include <memory>

#include <doctest/doctest.h>

#include "ostiary/event/loop.h"

namespace ostiary::event::testing {

struct MadeUpTime {
  MadeUpTime() = default;
  MadeUpTime(const MadeUpTime&) = delete;
  MadeUpTime& operator=(const MadeUpTime&) = delete;

  // Handles the events that are ready and the timers that are due.
  void turn() { REQUIRE(loop->turn(std::chrono::milliseconds::zero())); }
  // Moves the time first.
  void turn_after(Time::duration duration) {
    now += duration;
    turn();
  }

  Time now{std::chrono::hours(24)};
  const std::unique_ptr<Loop> loop = Loop::create([this] { return now; }).value();
};

}  // namespace ostiary::event::testing
