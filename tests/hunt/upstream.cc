#include "upstream.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector.h"
#include "name_forms.h"

namespace ostiary::hunt {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr std::string_view allowed_name = "allowed.hunt.example";

struct Question {
  std::string name;
  uint16_t type = 0;
  size_t end = 0;
};

Question read_question(std::span<const uint8_t> message) {
  Question out;
  size_t at = 12;
  while (at < message.size() && message[at] != 0 && at + 1 + message[at] < message.size()) {
    if (!out.name.empty()) out.name += '.';
    for (size_t index = 1; index <= message[at]; ++index)
      out.name += static_cast<char>(std::tolower(message[at + index]));
    at += size_t{1} + message[at];
  }
  if (at + 5 > message.size()) return out;
  out.type = static_cast<uint16_t>(message[at + 1] << 8U | message[at + 2]);
  out.end = at + 5;
  return out;
}

}  // namespace

std::vector<uint8_t> Upstream::answer(std::span<const uint8_t> message) {
  const Question question = read_question(message);
  const bool is_answer = question.end != 0 && (message[2] & 0x80U) != 0;
  if (question.end == 0 || is_answer) return {};
  shared_.questions.fetch_add(1);
  Bytes out(message.begin(), message.begin() + static_cast<ptrdiff_t>(question.end));
  out[2] = 0x81;
  out[3] = 0x80;
  std::fill(out.begin() + 6, out.begin() + 12, uint8_t{0});
  const bool is_collector = collector_ == Collector::relayed && question.name == collectors_name;
  const bool is_shared = names_ == Names::checked && question.name == shared_name;
  if (question.name != allowed_name && !is_collector && !is_shared) {
    out[3] |= 3;
    if (question.name.ends_with(".hunt.example") && shared_.excused.load() == 0)
      reports_.report("a denied name was asked", nullptr, {},
                      std::strtoull(question.name.c_str(), nullptr, 16));
    return out;
  }
  if (question.type != 1 && question.type != 28) return out;
  const bool is_v4 = question.type == 1;
  const Address address = parse_address(is_collector ? (is_v4 ? collector4 : collector6)
                                        : is_shared  ? (is_v4 ? shared4 : shared6)
                                                     : (is_v4 ? allowed4 : allowed6));
  if (!is_collector && !is_shared) judge_.allow(address);
  out[7] = 1;
  const size_t skip = is_v4 ? 12 : 0;
  const Bytes record{0xc0, 12, 0, static_cast<uint8_t>(question.type), 0, 1, 0, 0,
                     0,    5,  0, static_cast<uint8_t>(16 - skip)};
  out.insert(out.end(), record.begin(), record.end());
  out.insert(out.end(), address.begin() + static_cast<ptrdiff_t>(skip), address.end());
  return out;
}

}  // namespace ostiary::hunt
