#include "ostiary/event/loop.h"

#include <algorithm>
#include <climits>
#include <utility>

namespace ostiary::event {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds forever{INT_MAX};  // 24 days

}  // namespace

struct Watch::State {
  Loop& loop;
  int fd;
  uint32_t events;
  Callback callback;
  bool ended = false;

  Result<> control(int operation) {
    epoll_event event{.events = events, .data = {.ptr = this}};
    if (::epoll_ctl(loop.epoll_.get(), operation, fd, &event) != 0)
      return std::unexpected(Error::system("epoll_ctl", Exit::unavailable));
    return {};
  }
  void unregister() {
    (void)control(EPOLL_CTL_DEL);
    loop.end(this);
  }
};

struct Timer::State {
  Loop& loop;
  std::function<void()> callback;
  Deadline deadline = {};
  bool ended = false;

  void unregister() {
    std::erase(loop.timers_, this);
    loop.end(this);
  }
};

struct IdleHook::State {
  Loop& loop;
  std::function<void()> callback;
  bool ended = false;

  void unregister() {
    std::erase(loop.hooks_, this);
    loop.end(this);
  }
};

// ---- what is registered

Result<Watch> Watch::create(Loop& loop, int fd, uint32_t events, Callback callback) {
  auto state = std::make_unique<State>(
      State{.loop = loop, .fd = fd, .events = events, .callback = std::move(callback)});
  TRY(state->control(EPOLL_CTL_ADD));
  return Watch(state.release());
}

Result<> Watch::change(uint32_t events) {
  if (std::exchange(state_->events, events) == events) return {};
  return state_->control(EPOLL_CTL_MOD);
}

Timer::Timer(Loop& loop, std::function<void()> callback)
    : state_(new State{.loop = loop, .callback = std::move(callback)}) {
  loop.timers_.push_back(state_.get());
}

void Timer::set(Deadline deadline) {
  state_->deadline = deadline;
}

IdleHook::IdleHook(Loop& loop, std::function<void()> callback)
    : state_(new State{.loop = loop, .callback = std::move(callback)}) {
  loop.hooks_.push_back(state_.get());
}

template <typename State>
void Loop::end(State* state) {
  state->ended = true;
  std::shared_ptr<State> owned(state);
  if (is_calling_) ended_.push_back(std::move(owned));
}

template <typename State>
void Unregister<State>::operator()(State* state) const noexcept {
  state->unregister();
}
template struct Unregister<Watch::State>;
template struct Unregister<Timer::State>;
template struct Unregister<IdleHook::State>;

// ---- the loop

// While this exists, what a callback destroys is kept.
class Loop::Calling {
 public:
  explicit Calling(Loop& loop) : loop_(loop) { loop_.is_calling_ = true; }
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling() {
    loop_.batch_time_.reset();
    loop_.is_calling_ = false;
    loop_.ended_.clear();
  }

 private:
  Loop& loop_;
};

Result<std::unique_ptr<Loop>> Loop::create(Clock clock) {
  UniqueFd fd{::epoll_create1(EPOLL_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("epoll_create1", Exit::unavailable));
  return std::unique_ptr<Loop>(new Loop(std::move(fd), std::move(clock)));
}

Result<> Loop::run() {
  stopped_ = false;
  call_idle_hooks();
  while (!stopped_) TRY(turn(forever));
  return {};
}

Result<> Loop::turn(milliseconds longest) {
  TRY(handle(TRY(wait(longest))));
  call_idle_hooks();
  return {};
}

Result<std::span<const epoll_event>> Loop::wait(milliseconds longest) {
  while (true) {
    milliseconds timeout = longest;
    if (const Deadline next = deadline()) timeout = std::min(timeout, ceil<milliseconds>(*next - clock_()));
    timeout = std::clamp(timeout, milliseconds::zero(), forever);
    const int ready = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   static_cast<int>(timeout.count()));
    if (ready >= 0) return std::span<const epoll_event>(events_).first(static_cast<size_t>(ready));
    if (errno != EINTR) return std::unexpected(Error::system("epoll_wait", Exit::unavailable));
  }
}

Result<> Loop::handle(std::span<const epoll_event> batch) {
  const Calling calling(*this);
  batch_time_ = clock_();
  for (const epoll_event& event : batch) {
    const auto& watch = *static_cast<const Watch::State*>(event.data.ptr);
    if (!watch.ended) TRY(watch.callback(event.events));
  }
  call_due_timers();
  return {};
}

Deadline Loop::deadline() const {
  Deadline first;
  for (const Timer::State* timer : timers_) first = earlier(first, timer->deadline);
  return first;
}

// A timer that a callback sets is not called before the next turn.
void Loop::call_due_timers() {
  const auto is_due = [this](const Timer::State* timer) {
    return timer->deadline && *timer->deadline <= *batch_time_;
  };
  due_.clear();
  std::ranges::copy_if(timers_, std::back_inserter(due_), is_due);
  std::ranges::sort(due_, {}, &Timer::State::deadline);
  for (Timer::State* timer : due_) {
    if (timer->ended || !is_due(timer)) continue;
    timer->deadline.reset();
    timer->callback();
  }
}

void Loop::call_idle_hooks() {
  const Calling calling(*this);
  idle_.assign(hooks_.rbegin(), hooks_.rend());
  for (IdleHook::State* hook : idle_)
    if (!hook->ended) hook->callback();
}

}  // namespace ostiary::event
