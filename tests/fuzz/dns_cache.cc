// Compares the cache with a list that does the same slowly. The input moves the clock.
#include <iterator>
#include <list>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/dns/cache.h"
#include "ostiary/dns/limits.h"

using namespace ostiary;
using namespace ostiary::dns;
using std::chrono::seconds;

namespace {

using Time = Cache::Time;

struct Known {
  unsigned name = 0;
  RecordType type{};
  Cache::Outcome outcome{};
  std::vector<inet::IpAddress> addresses;
  Time expires;
  Time admitted_until;
};

// The least recently used entry is first.
class Model {
 public:
  explicit Model(size_t capacity) : capacity_(capacity) {}

  std::list<Known>::iterator at(unsigned name, RecordType type) {
    return std::ranges::find_if(known_,
                                [&](const Known& each) { return each.name == name && each.type == type; });
  }
  const Known* find(unsigned name, RecordType type, Time now) {
    const auto found = at(name, type);
    if (found == known_.end()) return nullptr;
    if (found->expires <= now) {
      known_.erase(found);
      return nullptr;
    }
    known_.splice(known_.end(), known_, found);
    return &known_.back();
  }
  void put(Known known) {
    erase(known.name, known.type);
    if (known_.size() == capacity_) known_.pop_front();
    known_.push_back(std::move(known));
  }
  void erase(unsigned name, RecordType type) {
    if (const auto found = at(name, type); found != known_.end()) known_.erase(found);
  }
  void set_admitted_until(unsigned name, RecordType type, Time until) {
    if (const auto found = at(name, type); found != known_.end()) found->admitted_until = until;
  }
  size_t size() const { return known_.size(); }

 private:
  size_t capacity_;
  std::list<Known> known_;
};

const WireName& name_of(unsigned number) {
  static const std::vector<WireName> names = [] {
    std::vector<WireName> made;
    for (unsigned i = 0; i < 256; ++i)
      made.push_back(WireName::from(inet::HostName::parse("h" + std::to_string(i) + ".example").value()));
    return made;
  }();
  return names[number];
}

seconds clamped(seconds ttl, seconds most) {
  return std::min(std::max(ttl, limits::ttl_min), most);
}

void check_hit(const std::optional<Cache::Hit>& hit, const Known* known, Time now) {
  HOLDS(hit.has_value() == (known != nullptr));
  if (!hit) return;
  HOLDS(hit->outcome == known->outcome);
  HOLDS(std::ranges::equal(hit->addresses, known->addresses));
  HOLDS(hit->ttl >= seconds(1) && now + hit->ttl >= known->expires &&
        now + hit->ttl < known->expires + seconds(1));
  if (hit->outcome == Cache::Outcome::addresses) HOLDS(hit->admitted_until == known->admitted_until);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t of_capacity = input.octet();
  const size_t capacity = of_capacity < 200 ? 1 + of_capacity % 8U : of_capacity;
  Cache cache(capacity, ostiary::HashKey{input.octet(), 7});
  Model model(capacity);
  Time now{seconds(1000)};
  for (size_t steps = 0; steps < 400 && !input.empty(); ++steps) {
    const uint8_t step = input.octet();
    const unsigned number_of_name = input.octet();
    const WireName& name = name_of(number_of_name);
    const RecordType type = (step & 8U) != 0 ? RecordType::a : RecordType::aaaa;
    const uint16_t number = input.number();
    switch (step & 7U) {
      case 0:
      case 1:
        check_hit(cache.find(name, type, now), model.find(number_of_name, type, now), now);
        break;
      case 2: {
        std::vector<inet::IpAddress> addresses;
        for (unsigned i = 0; i < number % 70U; ++i)
          addresses.push_back(
              inet::IpAddress::v4({192, 0, static_cast<uint8_t>(i >> 8U), static_cast<uint8_t>(i)}));
        const seconds ttl{int64_t{number} * 7 - 1000};
        const Time until = now + seconds(number);
        cache.put_addresses(name, type, addresses, ttl, now, until);
        if (addresses.size() > limits::addresses) addresses.resize(limits::addresses);
        if (addresses.empty())
          model.put({number_of_name,
                     type,
                     Cache::Outcome::no_data,
                     {},
                     now + clamped(ttl, limits::negative_ttl_max),
                     {}});
        else
          model.put({number_of_name, type, Cache::Outcome::addresses, addresses,
                     now + clamped(ttl, limits::ttl_max), until});
        break;
      }
      case 3: {
        const seconds ttl{number};
        auto outcome = Cache::Outcome::no_such_name;
        if ((step & 32U) != 0) {
          outcome = Cache::Outcome::withheld;
          cache.put_withheld(name, type, ttl, now);
        } else if ((step & 16U) != 0) {
          outcome = Cache::Outcome::no_data;
          cache.put_no_data(name, type, ttl, now);
        } else {
          cache.put_no_such_name(name, type, ttl, now);
        }
        model.put({number_of_name, type, outcome, {}, now + clamped(ttl, limits::negative_ttl_max), {}});
        break;
      }
      case 4:
        cache.set_admitted_until(name, type, now + seconds(number));
        model.set_admitted_until(number_of_name, type, now + seconds(number));
        break;
      default:
        now += std::chrono::milliseconds(number) * ((step & 16U) != 0 ? 100 : 1);
    }
    HOLDS(cache.size() == model.size() && cache.size() <= cache.capacity());
  }
  return 0;
}
