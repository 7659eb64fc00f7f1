#include "reports.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace ostiary::hunt {
namespace {

constexpr size_t shown_octets = 160;
constexpr size_t reports_a_class = 3;  // per epoch

std::string hexadecimal(uint64_t number) {
  std::array<char, 20> out{};
  std::snprintf(out.data(), out.size(), "0x%016lx", static_cast<unsigned long>(number));
  return out.data();
}

std::string hexadecimal(std::span<const uint8_t> octets) {
  std::string out;
  for (const uint8_t octet : octets.first(std::min(octets.size(), shown_octets))) {
    out += "0123456789abcdef"[octet >> 4U];
    out += "0123456789abcdef"[octet & 15U];
  }
  return out;
}

// The octets as text, with others than those of ASCII as \xff.
std::string printable(std::string_view octets) {
  std::string out;
  for (const char octet : octets.substr(0, shown_octets)) {
    if (octet >= ' ' && octet <= '~')
      out += octet;
    else
      out += "\\x" + hexadecimal({reinterpret_cast<const uint8_t*>(&octet), 1});
  }
  return out;
}

// The latest programs, for packets that do not name one.
nlohmann::json recent(const Shared& shared) {
  nlohmann::json out = nlohmann::json::array();
  for (const Worker& worker : shared.workers) {
    const uint64_t programs = worker.programs.load();
    nlohmann::json seeds = nlohmann::json::array();
    for (uint64_t back = 1; back <= std::min<uint64_t>(programs, limits::remembered); ++back)
      seeds.push_back(hexadecimal(worker.recent[(programs - back) % limits::remembered].load()));
    if (!seeds.empty()) out.push_back(seeds);
  }
  return out;
}

}  // namespace

void Reports::report(const std::string& what, const Observation* observation, std::span<const uint8_t> packet,
                     std::optional<uint64_t> seed, std::string_view evidence) {
  const std::lock_guard lock(mutex_);
  if (const uint32_t epoch = shared_.epoch.load(); epoch != epoch_) {
    epoch_ = epoch;
    counts_.clear();
  }
  if (++counts_[what] > reports_a_class) return;
  nlohmann::json line{{"class", what}, {"epoch", epoch_}, {"after the end", shared_.ended.load() != 0}};
  if (seed) line["seed"] = hexadecimal(*seed);
  if (observation != nullptr) {
    line["from"] = text(observation->source) + " " + std::to_string(observation->source_port);
    line["to"] = text(observation->destination) + " " + std::to_string(observation->port);
    line["packet"] = hexadecimal(packet);
  }
  if (!evidence.empty()) line["evidence"] = printable(evidence);
  line["recent"] = recent(shared_);
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace ostiary::hunt
