// The requests of one flow, as the gate gets them packet by packet. An input is the longest piece, a seed and the way in
// which the client ends, and then the stream.
// - The gate refuses the stream, or passes all of it, however it is cut and however often parts of it are sent again.
// - The client's memory may change before it sends again what was lost behind the gate. A server that reads what arrives
//   leniently finds in it no request that is not for an allowed host.
#include <optional>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/base/text.h"
#include "request_gate.h"

using namespace ostiary;
using fuzz::Gate;
using fuzz::Judge;

namespace {

constexpr size_t longest_by_octets = 2000;  // more takes too long

// ---- the server

// Reads requests as a server might that forgives much.
class LenientServer {
 public:
  LenientServer(std::string_view stream, bool ended) : rest_(stream), ended_(ended) {}

  void check() {
    while (read_request()) {
    }
  }

 private:
  // False: no other request follows.
  bool read_request() {
    const size_t begin = rest_.find_first_not_of("\r\n");
    if (begin == rest_.npos) return false;
    rest_.remove_prefix(begin);
    std::vector<std::string> lines;
    if (!read_head(lines)) return false;
    check_host(lines);
    if (to_lower(value_of(lines, "transfer-encoding")).contains("chunked")) return skip_chunks();
    return skip(parse_number<size_t>(value_of(lines, "content-length")).value_or(0));
  }

  // The end of the stream is the end of the head too.
  bool read_head(std::vector<std::string>& lines) {
    while (!rest_.empty()) {
      const size_t lf = rest_.find('\n');
      if (lf == rest_.npos && !ended_) return false;
      std::string line(rest_.substr(0, lf));
      rest_.remove_prefix(std::min(rest_.size(), line.size() + 1));
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty()) return true;
      const bool is_folded = line.starts_with(' ') || line.starts_with('\t');
      if (is_folded && !lines.empty())
        lines.back() += line;
      else
        lines.push_back(std::move(line));
    }
    return ended_;
  }

  static std::string name_of(std::string_view line) {
    std::string name = to_lower(trim(line.substr(0, line.find(':'))));
    std::ranges::replace(name, '_', '-');
    return name;
  }
  static std::string_view value_of(const std::vector<std::string>& lines, std::string_view name) {
    for (const std::string_view line : lines)
      if (line.contains(':') && name_of(line) == name) return trim(line.substr(line.find(':') + 1));
    return {};
  }

  static void check_host(const std::vector<std::string>& lines) {
    const std::string_view first = lines.front();
    const size_t target = first.find(' ') + 1;
    HOLDS(target > 0 && first.substr(target).starts_with('/'));
    HOLDS(std::ranges::count_if(lines, [](const std::string& line) { return name_of(line) == "host"; }) == 1);
    std::string host = to_lower(value_of(lines, "host"));
    if (host.ends_with(":80")) host.resize(host.size() - 3);
    HOLDS(host == "a.example" || host == "b.example");
    HOLDS(value_of(lines, "upgrade").empty() && value_of(lines, "expect").empty());
  }

  bool skip(size_t octets) {
    if (octets > rest_.size()) return false;
    rest_.remove_prefix(octets);
    return true;
  }
  bool skip_chunks() {
    for (;;) {
      const size_t lf = rest_.find('\n');
      if (lf == rest_.npos) return false;
      const std::string_view line = rest_.substr(0, lf);
      size_t size = 0;
      for (const char c : line) {
        const auto digit = hexadecimal(c);
        if (!digit) break;
        size = size << 4U | *digit;
      }
      rest_.remove_prefix(lf + 1);
      if (size == 0) return skip_trailers();
      if (size >= rest_.size() || !skip(size)) return false;
      if (rest_.starts_with('\r')) skip(1);
      if (rest_.starts_with('\n')) skip(1);
    }
  }
  bool skip_trailers() {
    for (;;) {
      const size_t lf = rest_.find('\n');
      if (lf == rest_.npos) return false;
      const bool is_last = lf == 0 || rest_.substr(0, lf) == "\r";
      rest_.remove_prefix(lf + 1);
      if (is_last) return true;
    }
  }
  static std::optional<unsigned> hexadecimal(char c) {
    const size_t found = std::string_view("0123456789abcdef").find(to_lower(c));
    return found == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(found));
  }

  std::string_view rest_;
  bool ended_;
};

// ---- the client

class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761U + 1) {}

  size_t below(size_t bound) {
    state_ = state_ * 1664525 + 1013904223;
    return bound == 0 ? 0 : (state_ >> 8U) % bound;
  }
  bool once_in(size_t times) { return below(times) == 0; }

 private:
  uint32_t state_;
};

struct Setting {
  size_t longest_piece = 1;
  uint8_t seed = 0;
  bool ends = false;  // the connection, behind the stream
};

// Whether all of it passes. What the gate drops comes again, with more.
bool passes(std::string_view stream, const Setting& setting) {
  Gate gate;
  Random random(setting.seed);
  for (size_t at = 0, written = 0; at < stream.size();) {
    written = std::min(written + 1 + random.below(setting.longest_piece), stream.size());
    const auto verdict = gate.send(at, stream.substr(at, written - at), false);
    if (verdict == Judge::Verdict::reset) return false;
    if (verdict == Judge::Verdict::drop && written == stream.size()) return false;
    if (verdict == Judge::Verdict::drop) continue;
    at = written;
    // What has passed is sent again, perhaps with more.
    const size_t from = random.below(at);
    const auto again = stream.substr(from, 1 + random.below(setting.longest_piece));
    if (setting.seed % 2 == 0 || from + again.size() > at) continue;
    HOLDS(gate.send(from, again, false) == Judge::Verdict::pass);
  }
  return !setting.ends || gate.send(stream.size(), {}, true) == Judge::Verdict::pass;
}

// What arrives at the server, also behind octets that are missing.
class Arrived {
 public:
  explicit Arrived(size_t octets) : octets_(octets) {}

  void take(size_t place, std::string_view data, bool ends) {
    for (size_t i = 0; i < data.size(); ++i)
      if (!octets_[place + i]) octets_[place + i] = data[i];
    while (stream_.size() < octets_.size() && octets_[stream_.size()]) stream_ += *octets_[stream_.size()];
    has_end_ = has_end_ || ends;
  }
  // Without what is behind a missing octet.
  const std::string& stream() const { return stream_; }
  bool has_ended() const { return has_end_ && stream_.size() == octets_.size(); }

 private:
  std::vector<std::optional<char>> octets_;
  std::string stream_;
  bool has_end_ = false;
};

// Packets are lost behind the gate, and the client's memory changes.
void check_losses(std::string memory, const Setting& setting) {
  Gate gate;
  Random random(setting.seed);
  Arrived arrived(memory.size());
  constexpr std::string_view other = "abe\r\n: /0H";
  for (size_t steps = 0; steps < 4 * memory.size() + 20 && !arrived.has_ended(); ++steps) {
    const size_t has = arrived.stream().size();
    if (random.once_in(4) && has < memory.size())
      memory[has + random.below(memory.size() - has)] = other[random.below(other.size())];
    const size_t behind = random.once_in(4) ? random.below(20) : 0;
    const size_t ahead = random.once_in(4) ? random.below(20) : 0;
    const size_t from = std::min(has - std::min(behind, has) + ahead, memory.size());
    const std::string_view data =
        std::string_view(memory).substr(from, 1 + random.below(setting.longest_piece));
    const bool ends = setting.ends && from + data.size() == memory.size();
    const auto verdict = gate.send(from, data, ends);
    if (verdict == Judge::Verdict::reset) break;
    if (verdict == Judge::Verdict::pass && !random.once_in(3)) arrived.take(from, data, ends);
  }
  LenientServer(arrived.stream(), arrived.has_ended()).check();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  Setting setting{.longest_piece = 1 + size_t{input.octet()}, .seed = input.octet()};
  setting.ends = input.octet() % 2 == 1;
  const std::string stream(input.rest_as_text());
  // The first octets of TLS wait for the name in a hello.
  if (stream.empty() || stream[0] < ' ' || stream[0] > '~') return 0;
  const bool whole = passes(stream, {.longest_piece = stream.size(), .seed = 0, .ends = setting.ends});
  if (whole) LenientServer(stream, setting.ends).check();
  HOLDS(passes(stream, setting) == whole);
  if (stream.size() > longest_by_octets) return 0;
  HOLDS(passes(stream, {.longest_piece = 1, .seed = 0, .ends = setting.ends}) == whole);
  check_losses(stream, setting);
  return 0;
}
