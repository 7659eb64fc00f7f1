#include "ostiary/audit/fold.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ostiary::audit {
namespace {

// A line shows only the first text_octets of a text. One more octet keeps the sign that it was cut.
constexpr size_t longest_text = limits::text_octets + 1;

std::array<std::string_view*, 3> texts(DenyName& event) {
  return {&event.name, &event.type, &event.detail};
}
std::array<std::string_view*, 2> texts(DenyPacket& event) {
  return {&event.name, &event.why};
}
std::array<std::string_view*, 2> texts(DenyMisnamed& event) {
  return {&event.name, &event.why};
}
std::array<std::string_view*, 2> texts(UpstreamFailure& event) {
  return {&event.name, &event.why};
}

struct Key {
  Foldable event;  // without its count
  uint64_t count = 0;
};

Key key_of(const Foldable& event) {
  Key key{event};
  std::visit(
      [&key](auto& each) {
        key.count = std::exchange(each.count, 0);
        for (std::string_view* text : texts(each)) *text = text->substr(0, longest_text);
      },
      key.event);
  return key;
}

// Copies the event's texts and lets the event borrow the copy, which is returned.
std::unique_ptr<char[]> keep_texts(Foldable& event) {
  return std::visit(
      [](auto& each) {
        size_t size = 0;
        for (const std::string_view* text : texts(each)) size += text->size();
        auto copy = std::make_unique_for_overwrite<char[]>(size);
        char* at = copy.get();
        for (std::string_view* text : texts(each)) {
          char* const end = std::ranges::copy(*text, at).out;
          *text = {std::exchange(at, end), end};
        }
        return copy;
      },
      event);
}

}  // namespace

Fold::Outcome Fold::add(const Foldable& event, Time now) {
  if (!window_ || now - *window_ >= limits::fold_window) {
    window_ = now;
    passed_ = 0;
  }
  if (passed_ < limits::fold_passed) {
    ++passed_;
    return Outcome::pass;
  }
  if (!due_) due_ = *window_ + limits::fold_window;

  auto [key, count] = key_of(event);
  if (const auto known = folded_.entries.find(key); known != folded_.entries.end()) {
    known->second.count += count;
  } else if (folded_.entries.size() < limits::fold_entries) {
    auto kept = keep_texts(key);
    folded_.entries.emplace(key, Entry{std::move(kept), count});
  } else {
    (std::holds_alternative<UpstreamFailure>(key) ? folded_.failures : folded_.denials) += count;
  }
  return Outcome::folded;
}

void Fold::add_others(uint64_t count, Time now) {
  if (count == 0) return;
  if (!due_) due_ = now + limits::fold_window;
  folded_.denials += count;
}

Fold::Folded Fold::take() {
  due_.reset();
  return std::exchange(folded_, {});
}

Event Fold::counted(const Foldable& event, uint64_t count) {
  return std::visit(
      [count](auto each) {
        each.count = count;
        return Event(each);
      },
      event);
}

}  // namespace ostiary::audit
