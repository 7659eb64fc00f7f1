#include "probe.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include <poll.h>
#include <sys/fsuid.h>

#include "errands.h"
#include "privileges.h"

namespace ostiary::selftest {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Sockets that are made now belong to the agent, for whoever's rules ask for their owner.
class OnBehalf {
 public:
  explicit OnBehalf(const confine::Identity& agent)
      : gid_(::setfsgid(agent.gid)), uid_(::setfsuid(agent.uid)) {}
  OnBehalf(const OnBehalf&) = delete;
  OnBehalf& operator=(const OnBehalf&) = delete;
  ~OnBehalf() {
    ::setfsuid(static_cast<uid_t>(uid_));
    ::setfsgid(static_cast<gid_t>(gid_));
  }

 private:
  int gid_;
  int uid_;
};

// Until each has a finding, or time is up.
Result<> await(std::vector<Flight>& flights, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  std::vector<pollfd> waiting;
  std::vector<Flight*> waited_for;
  for (;;) {
    waiting.clear();
    waited_for.clear();
    for (Flight& flight : flights) {
      if (flight.finding()) continue;
      waiting.push_back({flight.fd(), flight.events(), 0});
      waited_for.push_back(&flight);
    }
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (waiting.empty() || left <= milliseconds(0)) return {};
    const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(Error::system("poll", Exit::unavailable));
    for (size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) waited_for[i]->on_ready();
  }
}

}  // namespace

Result<Probe> Probe::prepare(const confine::Identity& agent, const Targets& targets) {
  Probe probe(targets);
  Errands errands = choose_errands(targets);
  probe.left_out_ = std::move(errands.left_out);
  TRY(probe.take(std::move(errands.all), agent));
  return probe;
}

Result<Probe> Probe::prepare_again(const confine::Identity& agent, const Targets& targets,
                                   std::span<const std::string> names) {
  Probe probe(targets);
  probe.scope_ = Scope::network;
  Errands errands = choose_errands(targets);
  std::erase_if(errands.all, [names](const Errand& errand) {
    return errand.aim == Aim::gates_answer || std::ranges::find(names, errand.name) == names.end();
  });
  TRY(probe.take(std::move(errands.all), agent));
  return probe;
}

Result<> Probe::take(std::vector<Errand> errands, const confine::Identity& agent) {
  const auto unlisted = TRY(UnlistedName::make());
  const OnBehalf of_the(agent);
  for (Errand& errand : errands) flights_.push_back(TRY(Flight::prepare(std::move(errand), unlisted)));
  return {};
}

std::vector<inet::IpAddress> Probe::destinations() const {
  std::vector<inet::IpAddress> all;
  for (const Flight& flight : flights_) all.push_back(flight.destination());
  return all;
}

Result<std::vector<Attempt>> Probe::try_to_get_out() {
  for (Flight& flight : flights_) TRY(flight.set_out());
  TRY(await(flights_, targets_.patience));
  std::vector<Attempt> attempts;
  for (Flight& flight : flights_) {
    if (!flight.finding()) flight.on_time_out(targets_.patience);
    attempts.push_back(attempt(flight.name(), *flight.finding()));
  }
  if (scope_ == Scope::network) return attempts;
  std::ranges::copy(left_out_, std::back_inserter(attempts));
  std::ranges::move(try_privileges(targets_), std::back_inserter(attempts));
  return attempts;
}

}  // namespace ostiary::selftest
