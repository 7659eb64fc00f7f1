#include "program.h"

#include <algorithm>
#include <sstream>

#include <sys/socket.h>

#include "stage.h"
#include "words.h"

namespace ostiary::hunt {
namespace {

// The tables from which an argument of a step is chosen, and which give it a name.
enum class Table : uint8_t {
  families,
  types,
  protocols,
  places,
  ports,
  payloads,
  flags,
  controls,
  numbers,
  interfaces,
  routes,
  ways,
  pauses,
  tcp_flags,
  options,
  slots,
};
struct Form {
  std::string_view name;
  std::vector<Table> arguments;
};

const Form& form(Kind kind) {
  using enum Table;
  static const std::array<Form, kinds> forms{{
      {"open", {families, types, protocols}},
      {"bind", {places, ports}},
      {"connect", {places, ports}},
      {"disconnect", {}},
      {"send", {places, ports, payloads, flags, controls, places, interfaces}},
      {"option", {options, numbers, places, interfaces, routes, places}},
      {"listen", {}},
      {"accept", {slots}},
      {"shutdown", {ways}},
      {"receive", {}},
      {"close", {}},
      {"give", {}},
      {"take", {}},
      {"wait", {pauses}},
      {"await", {ways}},
      {"fork", {}},
      {"raw", {places, places, protocols, ports, ports, payloads, tcp_flags}},
  }};
  return forms[static_cast<size_t>(kind)];
}

size_t size_of(Table table) {
  using enum Table;
  switch (table) {
    case families:
      return hunt::families().size();
    case types:
      return hunt::types().size();
    case protocols:
      return hunt::protocols().size();
    case places:
      return place_names().size() + 1;  // the last index means "nowhere"
    case ports:
      return hunt::ports().size();
    case payloads:
      return hunt::payloads().size();
    case flags:
      return hunt::flags().size();
    case controls:
      return hunt::controls().size();
    case numbers:
      return hunt::numbers().size();
    case interfaces:
      return hunt::interfaces().size();
    case routes:
      return hunt::routes().size();
    case ways:
      return hunt::ways().size();
    case pauses:
      return hunt::pauses().size();
    case tcp_flags:
      return hunt::tcp_flags().size();
    case options:
      return hunt::options().size();
   case slots:
      return limits::slots;
  }
  return 1;
}

std::string name_of(Table table, size_t index) {
  using enum Table;
  switch (table) {
    case families:
      return std::string(hunt::families()[index].name);
    case types:
      return std::string(hunt::types()[index].name);
    case protocols:
      return std::string(hunt::protocols()[index].name);
    case places:
      return index < place_names().size() ? std::string(place_names()[index]) : "nowhere";
    case ports:
      return std::string(hunt::ports()[index].name);
    case payloads:
      return std::string(hunt::payloads()[index].name);
    case flags:
      return std::string(hunt::flags()[index].name);
    case controls:
      return std::string(hunt::controls()[index].name);
    case numbers:
      return std::string(hunt::numbers()[index].name);
    case interfaces:
      return std::string(hunt::interfaces()[index].name);
    case routes:
      return std::string(hunt::routes()[index].name);
    case ways:
      return std::string(hunt::ways()[index].name);
    case pauses:
      return std::string(hunt::pauses()[index].name);
    case tcp_flags:
      return std::string(hunt::tcp_flags()[index].name);
    case options:
      return std::string(hunt::options()[index].name);
   case slots:
      return "s" + std::to_string(index);
  }
  return {};
}

using place_index::first_v6;
using place_index::nowhere;

constexpr std::array<std::string_view, 19> favoured_options{
    "v6only",           "bindtodevice", "reuseaddr",      "reuseport",     "freebind4",
    "freebind6",        "ip_options",   "pktinfo6",       "multicast_if4", "multicast_if6",
    "unicast_if4",      "unicast_if6",  "routing_header", "udp_cork",      "broadcast",
    "fastopen_connect", "transparent6", "hdrincl4",       "linger"};

class Generator {
 public:
  Generator(uint64_t seed, Grammar grammar, const Mask& mask)
      : random_(seed), grammar_(grammar), mask_(mask) {}

  Program agent() {
    const size_t length = 3 + random_.below(limits::steps - 3);
    Program out;
    push(out, open(0));
    while (out.size() < length) push(out, any_step());
    return out;
  }

  Program inside() {
    Program out;
    const size_t length = 1 + random_.below(4);
    while (out.size() < length) push(out, raw());
    return out;
  }

 private:
  // A masked step becomes a short pause.
  void push(Program& out, const Step& step) {
    const std::string line = hunt::text(step);
    const bool masked =
        std::ranges::any_of(mask_, [&](const std::string& each) { return line.contains(each); });
    out.push_back(masked ? Step{} : step);
  }

  uint8_t pick(size_t bound) { return static_cast<uint8_t>(random_.below(bound)); }

  // Usually a place of the slot's family.
  uint8_t place(uint8_t slot) {
    if (random_.one_in(24)) return pick(size_of(Table::places));
    if (slot_is_v6_[slot]) return static_cast<uint8_t>(first_v6 + random_.below(nowhere - first_v6));
    return pick(first_v6);
  }
  uint8_t source() { return pick(nowhere); }

  struct Destination {
    uint8_t place;
    uint8_t port;
  };
  bool is_relayed() const { return grammar_ == Grammar::relayed || grammar_ == Grammar::relayed_named; }
  bool is_named() const { return grammar_ == Grammar::named || grammar_ == Grammar::relayed_named; }
  Destination shared(uint8_t slot) {
    return {slot_is_v6_[slot] ? place_index::shared6 : place_index::shared4,
            port(random_.one_in(2) ? "https" : "http")};
  }
  // Now and then the relay's collector, or the shared address.
  Destination destination(uint8_t slot) {
    if (is_relayed() && random_.one_in(8))
      return {slot_is_v6_[slot] ? place_index::collector6 : place_index::collector4, port("collector")};
    if (is_named() && random_.one_in(8)) return shared(slot);
    const uint8_t where = place(slot);
    return {where, pick(size_of(Table::ports))};
  }

  static uint8_t port(std::string_view name) { return index_of(ports(), name); }

  Step connect(uint8_t slot) {
    const Destination to = destination(slot);
    return {Kind::connect, slot, {to.place, to.port}};
  }

  Step open(uint8_t slot) {
    Step step{Kind::open, slot, {}};
    size_t family = random_.one_in(60) ? random_.below(families().size()) : random_.below(2);
    slot_is_v6_[slot] = family == 1;
    const size_t type = random_.one_in(40) ? random_.below(types().size()) : (random_.below(5) < 2 ? 0 : 1);
    size_t protocol = 0;
    if (random_.one_in(40))
      protocol = random_.below(protocols().size());
    else if (type == 1 && random_.one_in(3))
      protocol = random_.one_in(4) ? 5 : (family == 1 ? 4 : 3);  // UDP-Lite, or ping
    if (family == 1 && random_.one_in(6)) speak_v4_next_ = slot;
    if (is_named() && family < 2 && type == 0 && protocol == 0 && !random_.one_in(3)) begin_named(slot);
    if (is_relayed() && named_slot_ != slot && family == 0 && type == 0 && protocol == 0 &&
        random_.one_in(2)) {
      relays_slot_ = slot;
      is_at_relay_ = false;
    }
    step.arguments = {static_cast<uint8_t>(family), static_cast<uint8_t>(type),
                      static_cast<uint8_t>(protocol)};
    return step;
  }

  Step send(uint8_t slot) {
    Step step{Kind::send, slot, {}};
    const bool connected = random_.one_in(3);
    const Destination to = destination(slot);
    step.arguments[0] = connected ? nowhere : to.place;
    step.arguments[1] = to.port;
    step.arguments[2] = random_.one_in(12) ? pick(size_of(Table::payloads)) : pick(6);
    const size_t kind = random_.below(10);
    step.arguments[3] = kind < 5 ? 0 : kind < 8 ? 1 : pick(size_of(Table::flags));
    if (step.arguments[3] == 1) corked_ = slot;
    step.arguments[4] = random_.one_in(4) ? pick(size_of(Table::controls)) : uint8_t{0};
    step.arguments[5] = source();
    step.arguments[6] = pick(size_of(Table::interfaces));
    return step;
  }

  // Half of the time, chooses an option that changes the source or destination of packets. An
  // option's number is 0 or 1 half of the time.
  Step option(uint8_t slot) {
    Step step{Kind::option, slot, {}};
    step.arguments[0] = random_.one_in(2) ? favoured_option() : pick(size_of(Table::options));
    step.arguments[1] = random_.one_in(2) ? pick(2) : pick(size_of(Table::numbers));
    step.arguments[2] = option_place(slot);
    step.arguments[3] = pick(size_of(Table::interfaces));
    step.arguments[4] = random_.one_in(3) ? pick(size_of(Table::routes)) : favoured_route(slot);
    step.arguments[5] = option_place(slot);
    return step;
  }

  uint8_t favoured_option() {
    static const std::vector<uint8_t> favoured = [] {
      std::vector<uint8_t> out;
      for (size_t index = 0; index < options().size(); ++index)
        if (std::ranges::find(favoured_options, options()[index].name) != favoured_options.end())
          out.push_back(static_cast<uint8_t>(index));
      return out;
    }();
    return favoured[random_.below(favoured.size())];
  }
  uint8_t favoured_route(uint8_t slot) {  // segment routing headers, or source routes
    return slot_is_v6_[slot] ? pick(2) : static_cast<uint8_t>(5 + random_.below(2));
  }
  uint8_t option_place(uint8_t slot) {
    if (random_.one_in(3)) return slot_is_v6_[slot] ? place_index::allowed6 : place_index::allowed4;
    return place(slot);
  }

  Step any_step() {
    const auto slot =
        static_cast<uint8_t>(random_.one_in(4) ? random_.below(limits::slots) : random_.below(2));
    if (speak_v4_next_ != no_slot) return speak_v4();
    if (corked_ != no_slot && random_.one_in(2)) return after_cork();
    if (relays_slot_ != no_slot && !random_.one_in(4)) return speak_to_relay();
    if (named_slot_ != no_slot && !random_.one_in(6)) return speak_by_name();
    const size_t turn = random_.below(100);
    if (turn < 8) return open(slot);
    if (turn < 18) return {Kind::bind, slot, {place(slot), pick(size_of(Table::ports))}};
    if (turn < 34) return connect(slot);
    if (turn < 37) return {Kind::disconnect, slot, {}};
    if (turn < 62) return send(slot);
    if (turn < 82) return option(slot);
    if (turn < 85) return {Kind::listen, slot, {}};
    if (turn < 88) return {Kind::accept, slot, {pick(limits::slots)}};
    if (turn < 90) return {Kind::shutdown, slot, {pick(size_of(Table::ways))}};
    if (turn < 93) return {Kind::receive, slot, {}};
    if (turn < 95) return {Kind::close, slot, {}};
    if (turn < 96) return {Kind::give, slot, {}};
    if (turn < 97) return {Kind::take, slot, {}};
    if (random_.one_in(200)) return {Kind::fork, 0, {}};
    return {Kind::wait, 0, {random_.one_in(20) ? pick(size_of(Table::pauses)) : pick(2)}};
  }

  // Connects to the relay; then sends exports and other requests in one connection, or ends it.
  Step speak_to_relay() {
    const uint8_t slot = relays_slot_;
    if (!is_at_relay_) {
      is_at_relay_ = true;
      return {Kind::connect, slot, {place_index::loopback4, port("relay")}};
    }
    const size_t turn = random_.below(16);
    if (turn == 0) return {Kind::receive, slot, {}};
    if (turn == 1) return {Kind::wait, 0, {pick(2)}};
    if (turn == 2) {
      relays_slot_ = no_slot;
      return {Kind::shutdown, slot, {pick(size_of(Table::ways))}};
    }
    Step step{Kind::send, slot, {nowhere, 0, 0, pick(2)}};
    step.arguments[2] = static_cast<uint8_t>(first_relay_payload + random_.below(relay_forms));
    return step;
  }

  // Connects to the shared address, often from a port of an earlier flow, and sends hellos or requests.
  void begin_named(uint8_t slot) {
    named_slot_ = slot;
    named_steps_ = 0;
  }
  Step speak_by_name() {
    const uint8_t slot = named_slot_;
    switch (named_steps_++) {
      case 0:
        return random_.one_in(3) ? set(slot, "fastopen_no_cookie", "one") : set(slot, "reuseaddr", "one");
      case 1:
        if (random_.one_in(3)) return {Kind::bind, slot, {any_place(slot), port("p7001")}};
        return random_.one_in(2) ? set(slot, "maxseg", "hundred") : set(slot, "nodelay", "one");
      case 2: {
        shared_ = shared(slot);
        if (random_.one_in(8)) return send_form(slot, shared_.place, flag("fastopen"));
        return {Kind::connect, slot, {shared_.place, shared_.port}};
      }
      case 3:
        return await(slot, "writing");
      default:
        break;
    }
    const size_t turn = random_.below(16);
    if (turn < 9)
      return send_form(slot, nowhere, random_.one_in(4) ? pick(size_of(Table::flags)) : uint8_t{0});
    if (turn < 11) return await(slot, "reading");
    if (turn == 11) return {Kind::receive, slot, {}};
    if (turn == 12)
      return set(slot, slot_is_v6_[slot] ? "unicast_hops" : "ttl", random_.one_in(2) ? "one" : "many");
    if (turn == 13) return set(slot, "linger", "one");
    if (turn == 14) return {Kind::shutdown, slot, {pick(size_of(Table::ways))}};
    named_slot_ = no_slot;
    return {Kind::close, slot, {}};
  }
  // A hello at one port and a request at the other, nearly always.
  Step send_form(uint8_t slot, uint8_t place, uint8_t flag) {
    Step step{Kind::send, slot, {place, shared_.port, 0, flag}};
    const bool is_hello = (shared_.port == port("https")) != random_.one_in(12);
    step.arguments[2] = static_cast<uint8_t>(
        first_name_payload +
        (is_hello ? random_.below(hello_forms) : hello_forms + random_.below(name_forms - hello_forms)));
    return step;
  }
  uint8_t any_place(uint8_t slot) const { return slot_is_v6_[slot] ? place_index::any6 : place_index::any4; }

  template <typename Named>
  static uint8_t index_of(std::span<const Named> words, std::string_view name) {
    return static_cast<uint8_t>(std::ranges::find(words, name, &Named::name) - words.begin());
  }
  static uint8_t flag(std::string_view name) { return index_of(flags(), name); }
  static Step await(uint8_t slot, std::string_view way) {
    return {Kind::await, slot, {index_of(ways(), way)}};
  }
  static Step set(uint8_t slot, std::string_view option, std::string_view number) {
    return {Kind::option, slot, {index_of(options(), option), index_of(numbers(), number)}};
  }

  // Makes an IPv6 socket accept mapped addresses, even if that is not its default.
  Step speak_v4() {
    Step step{Kind::option, speak_v4_next_, {}};
    step.arguments[0] = index_of(options(), "v6only");
    speak_v4_next_ = no_slot;
    return step;
  }

  // While data waits in a corked socket: changes its destination, or sends it.
  Step after_cork() {
    const uint8_t slot = corked_;
    if (random_.one_in(2)) return connect(slot);
    if (random_.one_in(3)) return option(slot);
    corked_ = no_slot;
    Step step = send(slot);
    if (random_.one_in(2)) step.arguments[0] = nowhere;
    return step;
  }

  Step raw() {
    Step step{Kind::raw, 0, {}};
    const bool v6 = random_.one_in(2);
    const auto place = [&] {
      return static_cast<uint8_t>(v6 ? first_v6 + random_.below(nowhere - first_v6)
                                     : random_.below(first_v6));
    };
    const size_t protocol = random_.one_in(6) ? random_.below(protocols().size()) : 1 + random_.below(4);
    step.arguments = {place(),
                      place(),
                      static_cast<uint8_t>(protocol),
                      pick(size_of(Table::ports)),
                      pick(size_of(Table::ports)),
                      pick(6),
                      pick(size_of(Table::tcp_flags))};
    return step;
  }

  Random random_;
  Grammar grammar_;
  const Mask& mask_;
  std::array<bool, limits::slots> slot_is_v6_{};
  static constexpr uint8_t no_slot = limits::slots;
  uint8_t speak_v4_next_ = no_slot;
  uint8_t corked_ = no_slot;  // the slot that was last used with MSG_MORE
  uint8_t relays_slot_ = no_slot;
  bool is_at_relay_ = false;
  uint8_t named_slot_ = no_slot;
  size_t named_steps_ = 0;
  Destination shared_{};
};

std::optional<Step> parse_step(std::istream& words) {
  std::string word;
  if (!(words >> word)) return std::nullopt;
  for (size_t kind = 0; kind < kinds; ++kind) {
    const Form& found = form(static_cast<Kind>(kind));
    if (found.name != word) continue;
    Step step{static_cast<Kind>(kind), 0, {}};
    if (!(words >> word) || word.size() != 2 || word[0] != 's') return std::nullopt;
    step.slot = static_cast<uint8_t>(word[1] - '0');
    if (step.slot >= limits::slots) return std::nullopt;
    for (size_t index = 0; index < found.arguments.size(); ++index) {
      if (!(words >> word)) return std::nullopt;
      size_t value = 0;
      const size_t size = size_of(found.arguments[index]);
      while (value < size && name_of(found.arguments[index], value) != word) ++value;
      if (value == size) return std::nullopt;
      step.arguments[index] = static_cast<uint8_t>(value);
    }
    if (words >> word) return std::nullopt;
    return step;
  }
  return std::nullopt;
}

}  // namespace

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t value = state_;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111eb;
  return value ^ (value >> 31U);
}

Program generate(uint64_t seed, Grammar grammar, const Mask& mask) {
  Generator generator(seed, grammar, mask);
  return grammar == Grammar::inside ? generator.inside() : generator.agent();
}

std::string text(const Step& step) {
  const Form& found = form(step.kind);
  std::string out(found.name);
  out += " s" + std::to_string(step.slot);
  for (size_t index = 0; index < found.arguments.size(); ++index)
    out += " " + name_of(found.arguments[index], step.arguments[index]);
  return out;
}

std::string text(const Program& program) {
  std::string out;
  for (const Step& step : program) out += text(step) + "\n";
  return out;
}

std::optional<Program> parse(std::string_view text, std::string& problem) {
  Program out;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.size(), line.find('#')));
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    std::istringstream words{line};
    const auto step = parse_step(words);
    if (!step) {
      problem = line;
      return std::nullopt;
    }
    out.push_back(*step);
  }
  return out;
}

}  // namespace ostiary::hunt
