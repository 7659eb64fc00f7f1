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
  size_t consumed = 0;
  size_t line_begin = 0;
  bool newline_pending = false;

  void consume(char c) {
    if (newline_pending) {
      ++line;
      line_begin = consumed;
    }
    newline_pending = c == '\n';
    ++consumed;
  }
  size_t column() const { return std::max<size_t>(consumed - line_begin, 1); }
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

  TreeBuilder(const LineCounter& counter, Comments comments) : counter_(counter), comments_(comments) {}

  bool null() { return add(std::monostate{}); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add_number({value}); }
  bool number_unsigned(uint64_t value) {
    Node::Number number;
    if (std::in_range<int64_t>(value)) number.integer = static_cast<int64_t>(value);
    return add_number(number);
  }
  bool number_float(double, const std::string&) { return add_number({}); }
  bool string(std::string& value) { return free_of_nul(value) && add(std::move(value)); }
  bool binary(Json::binary_t&) { return stop("is not text"); }
  bool start_object(size_t) { return open(std::vector<Member>{}); }
  bool start_array(size_t) { return open(std::vector<Node>{}); }
  bool key(std::string& name) {
    if (!free_of_nul(name)) return false;
    pending_.back() = {std::move(name), counter_.line, counter_.consumed};
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
    return stop_at_fault("is not valid JSON: " + plain(reason) + std::string(fix_for(reason)));
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
    size_t end = 0;
  };

  // Suggests a fix for the most frequent mistakes.
  std::string_view fix_for(std::string_view reason) const {
    const bool in_array = !open_.empty() && open_.back().kind() == Kind::array;
    if (reason.starts_with("invalid literal") && comments_ == Comments::refused)
      return ": write a string in double quotes, and take out comments";
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

  bool stop_at_fault(std::string_view message) {
    if (comments_ == Comments::allowed) return stop(message);
    error_ = Error{Exit::configuration, "line " + std::to_string(counter_.line) + ", column " +
                                            std::to_string(counter_.column()) + ": " + std::string(message)};
    return false;
  }

  bool free_of_nul(std::string_view text) {
    return !text.contains('\0') || stop("a string holds \\u0000; take it out");
  }

  bool open(Node::Value empty) {
    if (open_.size() == max_json_depth)
      return stop("is nested deeper than " + std::to_string(max_json_depth) + " levels");
    open_.emplace_back(counter_.line, counter_.consumed, std::move(empty));
    pending_.emplace_back();
    return true;
  }

  bool close() {
    Node done = std::move(open_.back());
    open_.pop_back();
    pending_.pop_back();
    done.end_ = counter_.consumed;
    return place(std::move(done));
  }

  bool add(Node::Value value) { return place(Node(counter_.line, counter_.consumed, std::move(value))); }

  // Within an array or an object the parser has consumed the character after the number.
  bool add_number(Node::Number number) {
    const size_t more = open_.empty() ? 0 : 1;
    return place(Node(counter_.line, counter_.consumed - more, number));
  }

  bool place(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (auto* items = std::get_if<std::vector<Node>>(&open_.back().value_)) {
      items->push_back(std::move(node));
    } else {
      auto& [name, line, end] = pending_.back();
      std::get<std::vector<Member>>(open_.back().value_)
          .push_back({std::move(name), line, end, std::move(node)});
    }
    return true;
  }

  const LineCounter& counter_;
  Comments comments_;
  std::vector<Node> open_;    // arrays and objects not yet closed, outermost first
  std::vector<Key> pending_;  // for each open node, the key of the next value
  std::optional<Node> root_;
  std::optional<Error> error_;
};

Result<Node> parse_located(std::string_view text, Comments comments) {
  if (text.size() > max_json_size) return fail(Exit::configuration, "line 1: is longer than 1 MiB");
  // The parser treats a NUL as the end and would ignore the text after it.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    return fail(Exit::configuration, "line " +
                                         std::to_string(1 + std::ranges::count(text.substr(0, nul), '\n')) +
                                         ": holds a NUL; take it out");
  LineCounter counter;
  TreeBuilder builder(counter, comments);
  const CountingIterator begin(text.begin(), counter);
  const CountingIterator end(text.end(), counter);
  constexpr bool whole_text = true;
  nlohmann::json::sax_parse(begin, end, &builder, nlohmann::json::input_format_t::json, whole_text,
                            comments == Comments::allowed);
  return builder.finish();
}

}  // namespace ostiary::config
