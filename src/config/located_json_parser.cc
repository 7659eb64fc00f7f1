// The parser of located_json.h. It uses the event interface of nlohmann's parser, with an iterator
// that counts lines as the parser consumes them.
#include <algorithm>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "ostiary/base/quote.h"
#include "ostiary/config/located_json.h"

namespace ostiary::config {

// The parser reports a token right after it consumes the last character. A number is the exception:
// the parser has then consumed one more character, which may be a newline. No token ends in a
// newline, so the newest character never counts.
struct LineCounter {
  size_t line = 1;
  bool newline_pending = false;

  void consume(char c) {
    if (newline_pending) ++line;
    newline_pending = c == '\n';
  }
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, LineCounter& counter) : at_(at), counter_(&counter) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    counter_->consume(*at_++);
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  LineCounter* counter_;
};

namespace {

// The reason in nlohmann's message "… - <reason>; last read: '<text>'", without the text.
std::string reason_of(const nlohmann::detail::exception& failure) {
  constexpr int number_overflow = 406;
  if (failure.id == number_overflow) return "a number is too large";
  std::string_view message = failure.what();
  const size_t dash = message.find(" - ");
  if (dash == std::string_view::npos) return "syntax error";
  message.remove_prefix(dash + 3);
  return std::string(message.substr(0, message.find("; last read")));
}

// The reason in plain words, for the mistakes in a string whose reason from the library names code
// points.
std::string plain(const std::string& reason) {
  constexpr std::string_view unescaped = "invalid string: control character ";
  if (reason == "invalid string: missing closing quote" ||
      reason.starts_with(std::string(unescaped) + "U+000A") ||
      reason.starts_with(std::string(unescaped) + "U+000D"))
    return "the string that begins here has no closing quote: write a \" after it";
  if (reason.starts_with(std::string(unescaped) + "U+0009")) return "a string holds a tab: take out the tab";
  if (reason.starts_with(unescaped)) return "a string holds a control character: take it out";
  return reason;
}

// Returns the second of two members with the same name, or nullptr.
const Member* find_duplicate(const std::vector<Member>& members) {
  using Entry = std::pair<std::string_view, const Member*>;
  std::vector<Entry> sorted;
  sorted.reserve(members.size());
  for (const Member& member : members) sorted.emplace_back(member.name, &member);
  std::ranges::sort(sorted);
  const auto found = std::ranges::adjacent_find(sorted, {}, &Entry::first);
  return found == sorted.end() ? nullptr : std::next(found)->second;
}

}  // namespace

// Builds the tree from the parser's events. A handler that returns false ends the parse.
class TreeBuilder {
 public:
  using Json = nlohmann::json;

  explicit TreeBuilder(const LineCounter& counter) : counter_(counter) {}

  bool null() { return add(std::monostate{}); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(Node::Number{value}); }
  bool number_unsigned(uint64_t value) {
    Node::Number number;
    if (std::in_range<int64_t>(value)) number.integer = static_cast<int64_t>(value);
    return add(number);
  }
  bool number_float(double, const std::string&) { return add(Node::Number{}); }
  bool string(std::string& value) { return free_of_nul(value) && add(std::move(value)); }
  bool binary(Json::binary_t&) { return stop("is not text"); }
  bool start_object(size_t) { return open(std::vector<Member>{}); }
  bool start_array(size_t) { return open(std::vector<Node>{}); }
  bool key(std::string& name) {
    if (!free_of_nul(name)) return false;
    pending_.back() = {std::move(name), counter_.line};
    return true;
  }
  bool end_object() {
    const auto& members = std::get<std::vector<Member>>(open_.back().value_);
    if (const Member* second = find_duplicate(members)) return stop_at(second->line, twice(members, *second));
    return close();
  }
  bool end_array() { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& failure) {
    const std::string reason = reason_of(failure);
    if (open_.empty() && reason.starts_with("unexpected end of input"))
      return stop("is empty: write {} for no settings");
    return stop("is not valid JSON: " + plain(reason) + std::string(fix_for(reason)));
  }

  Result<Node> finish() {
    if (error_) return std::unexpected(*std::move(error_));
    if (!root_) return fail(Exit::configuration, "line 1: is not valid JSON");
    return *std::move(root_);
  }

 private:
  struct Key {
    std::string name;
    size_t line = 0;
  };

  // Suggests a fix for the most frequent mistakes.
  std::string_view fix_for(std::string_view reason) const {
    const bool in_array = !open_.empty() && open_.back().kind() == Kind::array;
    if (reason.starts_with("invalid literal") && open_.empty())
      return ": write an object in braces, a string in double quotes, and a comment after //";
    if (reason.starts_with("invalid literal"))
      return ": write a string in double quotes, and a comment after //";
    if (reason.starts_with("unexpected '}'; expected string") ||
        (in_array && reason.starts_with("unexpected ']'")))
      return ": take out the comma before it";
    const bool end_expected = reason.ends_with("expected '}'") || reason.ends_with("expected ']'");
    const bool is_value = !reason.starts_with("unexpected end") && !reason.starts_with("unexpected '}'") &&
                          !reason.starts_with("unexpected ']'");
    if (end_expected && is_value) return ": is there a comma missing before it?";
    return "";
  }

  static std::string twice(const std::vector<Member>& members, const Member& second) {
    const auto first = std::ranges::find(members, second.name, &Member::name);
    return "key " + quote(second.name) + " is already on line " + std::to_string(first->line) +
           "; keep one of them";
  }

  bool stop_at(size_t line, std::string_view message) {
    error_ = Error{Exit::configuration, "line " + std::to_string(line) + ": " + std::string(message)};
    return false;
  }
  bool stop(std::string_view message) { return stop_at(counter_.line, message); }

  bool free_of_nul(std::string_view text) {
    return !text.contains('\0') || stop("a string holds \\u0000; take it out");
  }

  bool open(Node::Value empty) {
    if (open_.size() == max_json_depth)
      return stop("is nested deeper than " + std::to_string(max_json_depth) + " levels");
    open_.emplace_back(counter_.line, std::move(empty));
    pending_.emplace_back();
    return true;
  }

  bool close() {
    Node done = std::move(open_.back());
    open_.pop_back();
    pending_.pop_back();
    return place(std::move(done));
  }

  bool add(Node::Value value) { return place(Node(counter_.line, std::move(value))); }

  bool place(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (auto* items = std::get_if<std::vector<Node>>(&open_.back().value_)) {
      items->push_back(std::move(node));
    } else {
      auto& [name, line] = pending_.back();
      std::get<std::vector<Member>>(open_.back().value_).push_back({std::move(name), line, std::move(node)});
    }
    return true;
  }

  const LineCounter& counter_;
  std::vector<Node> open_;    // arrays and objects not yet closed, outermost first
  std::vector<Key> pending_;  // for each open node, the key of the next value
  std::optional<Node> root_;
  std::optional<Error> error_;
};

Result<Node> parse_located(std::string_view text) {
  if (text.size() > max_json_size) return fail(Exit::configuration, "line 1: is longer than 1 MiB");
  // The parser treats a NUL as the end and would ignore the text after it.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    return fail(Exit::configuration, "line " +
                                         std::to_string(1 + std::ranges::count(text.substr(0, nul), '\n')) +
                                         ": holds a NUL; take it out");
  LineCounter counter;
  TreeBuilder builder(counter);
  const CountingIterator begin(text.begin(), counter);
  const CountingIterator end(text.end(), counter);
  constexpr bool whole_text = true;
  constexpr bool comments_allowed = true;
  nlohmann::json::sax_parse(begin, end, &builder, nlohmann::json::input_format_t::json, whole_text,
                            comments_allowed);
  return builder.finish();
}

}  // namespace ostiary::config
