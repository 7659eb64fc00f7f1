// event/loop.h: calls back when descriptors are ready, when timers are due, and after each batch of
// events.
// - A Watch, a Timer and an IdleHook are registered until they are destroyed. The loop must outlive
//   them.
// - A callback may create, change and destroy any of them, its own included. A destroyed one is not
//   called again, even if its event is in the present batch.
// - No event takes a memory allocation.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <sys/epoll.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/deadline.h"

namespace ostiary::event {

using Time = std::chrono::steady_clock::time_point;
using Clock = std::function<Time()>;

class Loop;

// Unregisters a Watch, a Timer or an IdleHook, and frees its state once no callback runs.
template <typename State>
struct Unregister {
  void operator()(State* state) const noexcept;
};

// Watches a descriptor. Destroy it before the descriptor is closed.
class Watch {
 public:
  // Gets the events that epoll reports. An error ends Loop::run().
  using Callback = std::function<Result<>(uint32_t events)>;

  Watch() = default;  // watches nothing
  static Result<Watch> create(Loop& loop, int fd, uint32_t events, Callback callback);

  Result<> change(uint32_t events);

 private:
  friend class Loop;
  struct State;
  explicit Watch(State* state) : state_(state) {}

  std::unique_ptr<State, Unregister<State>> state_;
};

// Calls back once when its deadline has passed. The callback may set it again.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);

  // Without a deadline the timer is cleared.
  void set(Deadline deadline);

 private:
  friend class Loop;
  struct State;
  std::unique_ptr<State, Unregister<State>> state_;
};

// Calls back after each batch of events, and before the first: for work that can wait until then.
// The latest hook is called first, because later parts of a program give work to earlier ones.
class IdleHook {
 public:
  IdleHook(Loop& loop, std::function<void()> callback);

 private:
  friend class Loop;
  struct State;
  std::unique_ptr<State, Unregister<State>> state_;
};

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create(Clock clock = std::chrono::steady_clock::now);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Handles events until stop(), or until a callback returns an error. The batch in which stop() is
  // called is handled to its end.
  Result<> run();
  void stop() { stopped_ = true; }

  // Waits for one batch of events, at most this long, and handles it.
  Result<> turn(std::chrono::milliseconds longest);

  // During callbacks for events and timers, the time at which the batch arrived. Otherwise the
  // present time.
  Time now() const { return batch_time_ ? *batch_time_ : clock_(); }

  // The deadline of the next timer. Empty if none is set.
  Deadline deadline() const;

  // Readable while an event waits.
  int fd() const { return epoll_.get(); }

 private:
  friend class Watch;
  friend class Timer;
  friend class IdleHook;
  class Calling;

  Loop(UniqueFd epoll, Clock clock) : epoll_(std::move(epoll)), clock_(std::move(clock)) {}
  Result<std::span<const epoll_event>> wait(std::chrono::milliseconds longest);
  Result<> handle(std::span<const epoll_event> batch);
  void call_due_timers();
  void call_idle_hooks();
  template <typename State>
  void end(State* state);

  UniqueFd epoll_;
  Clock clock_;
  bool stopped_ = false;
  bool is_calling_ = false;
  std::optional<Time> batch_time_;
  std::array<epoll_event, 64> events_{};
  std::vector<Timer::State*> timers_;
  std::vector<IdleHook::State*> hooks_;
  // Those that are called now. Their callbacks may change timers_ and hooks_.
  std::vector<Timer::State*> due_;
  std::vector<IdleHook::State*> idle_;
  // Destroyed by a callback, which may be their own. Kept until the callbacks have returned.
  std::vector<std::shared_ptr<void>> ended_;
};

}  // namespace ostiary::event
