// Requests of a client and responses of a server. The same octets give the same messages and the
// same fault, however they are cut. An accepted message that is written again is read as the same.
// Nothing beyond a limit is held. No credential passes on, and no path that could be another.
#include <algorithm>
#include <cstdio>
#include <string>

#include "../unit/http/reading.h"
#include "fuzz.h"
#include "http/limits.h"
#include "ostiary/base/encoding.h"
#include "ostiary/http/forwardable.h"
#include "ostiary/http/path.h"
#include "ostiary/http/target.h"

using namespace ostiary;
using namespace ostiary::http;
using namespace ostiary::http::testing;

namespace {

constexpr size_t longest_stream = limits::head_octets + 1000;  // but for the last expansion
constexpr size_t longest_by_octets = 1000;                     // more takes too long

struct Setting {
  enum class Kind : uint8_t { requests, response, response_to_head };
  Kind kind{};
  uint64_t max_body = 0;
  bool closed = false;  // the server closes the connection at the end
};

Setting read_setting(uint8_t octet) {
  constexpr Setting::Kind kinds[] = {Setting::Kind::requests, Setting::Kind::response,
                                     Setting::Kind::requests, Setting::Kind::response_to_head};
  constexpr uint64_t limits[] = {UINT64_MAX, 1000, 5, 0};
  return {.kind = kinds[octet & 3U], .max_body = limits[(octet >> 2U) & 3U], .closed = (octet & 16U) != 0};
}

// 0xff, a count and an octet stand for 64 times as many of the octet, so that a small input reaches
// the limits.
std::string expanded(fuzz::Input& input) {
  std::string stream;
  while (!input.empty() && stream.size() < longest_stream) {
    const uint8_t octet = input.octet();
    if (octet != 0xff) {
      stream.push_back(static_cast<char>(octet));
      continue;
    }
    const size_t count = size_t{input.octet()} * 64;
    stream.append(count, static_cast<char>(input.octet()));
  }
  return stream;
}

constexpr size_t whole_stream = SIZE_MAX;

// Calls `use` for pieces of 1 to `longest` octets.
void cut(std::string_view stream, size_t longest, auto use) {
  size_t next = longest;
  while (!stream.empty()) {
    const size_t piece =
        longest == whole_stream ? stream.size() : 1 + next % std::min(stream.size(), longest);
    next = next * 31 + 7;
    use(stream.substr(0, piece));
    stream.remove_prefix(piece);
  }
}

Outcome read(const Setting& setting, std::string_view stream, size_t longest_piece) {
  Outcome outcome;
  const auto feed_all = [&](auto& reader) {
    cut(stream, longest_piece, [&](std::string_view piece) {
      feed(reader, piece, outcome);
      HOLDS(outcome.held <= (limits::interim_responses + 1) * limits::head_octets);
      HOLDS(setting.kind != Setting::Kind::requests || outcome.held <= limits::head_octets);
      HOLDS(outcome.as_promised);
    });
  };
  if (setting.kind == Setting::Kind::requests) {
    RequestReader reader(setting.max_body);
    feed_all(reader);
    return outcome;
  }
  ResponseReader reader(setting.kind == Setting::Kind::response ? ResponseTo::other : ResponseTo::head,
                        setting.max_body);
  feed_all(reader);
  if (setting.closed && !outcome.fault && !outcome.is_complete())
    HOLDS(!add(reader.end(), {}, outcome) || outcome.is_complete());
  return outcome;
}

std::string in_chunks(std::string_view body) {
  std::string text;
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, 7);
    text += std::to_string(chunk.size()) + "\r\n" + std::string(chunk) + "\r\n";
    body.remove_prefix(chunk.size());
  }
  return text + "0\r\n\r\n";
}

// Never longer than the message that was read, so that no limit refuses it.
std::string written(const Read& message, const Setting& setting) {
  const std::string version = message.version == Version::http_1_1 ? "HTTP/1.1" : "HTTP/1.0";
  std::string text =
      setting.kind == Setting::Kind::requests ? message.start + " " + version : version + " " + message.start;
  text += "\r\n";
  for (const auto& [name, value] : message.fields) text += name + ":" + value + "\r\n";
  text += "\r\n";
  return text + (message.framing.kind == Framing::Kind::chunked ? in_chunks(message.body) : message.body);
}

bool is_token_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && !std::string_view("\"(),/:;<=>?@[\\]{}").contains(c);
  });
}

bool is_value(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (is_blank(text.front()) || is_blank(text.back()))) return false;
  return std::ranges::none_of(
      text, [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

void check_bounds(const Read& message, const Setting& setting) {
  HOLDS(message.body.size() <= setting.max_body);
  HOLDS(message.fields.size() <= limits::fields);
  size_t head = message.start.size();
  HOLDS(head <= limits::line_octets);
  for (const auto& [name, value] : message.fields) {
    HOLDS(is_token_text(name) && is_value(value));
    HOLDS(name.size() + value.size() + 1 <= limits::line_octets);
    head += name.size() + value.size() + 3;
  }
  HOLDS(head <= limits::head_octets);
  const bool by_length = message.framing.kind == Framing::Kind::length;
  HOLDS(!message.complete || !by_length || message.body.size() == message.framing.length);
  HOLDS(message.framing.kind != Framing::Kind::none || message.body.empty());
}

size_t count(const Read& message, std::string_view wanted) {
  return static_cast<size_t>(std::ranges::count_if(
      message.fields, [&](const auto& field) { return equal_ignoring_case(field.first, wanted); }));
}

std::pair<std::string, std::string> divided(const std::string& start) {
  const size_t space = start.find(' ');
  return {start.substr(0, space), start.substr(space + 1)};
}

void check_request(const Read& request) {
  const auto [method, target] = divided(request.start);
  HOLDS(is_token_text(method) && method != "CONNECT");
  HOLDS(target.starts_with('/'));
  HOLDS(std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f && c != '#'; }));
  HOLDS(count(request, "host") == 1);
  HOLDS(count(request, "content-length") + count(request, "transfer-encoding") <= 1);
  HOLDS(request.framing.kind != Framing::Kind::until_close);
}

// Lower case, with underscores as hyphens.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) plain += c == '_' ? '-' : to_lower(c);
  return plain;
}

void check_forwardable(const Read& request) {
  const std::string own[] = {"x-own"};
  std::vector<Field> fields;
  for (const auto& [name, value] : request.fields) fields.push_back({name, value});
  const auto passing = forwardable(fields, own);
  if (!passing) {
    HOLDS(passing.error() == Fault::connection_names_own && count(request, "connection") > 0);
    return;
  }
  auto from = fields.begin();
  for (const Field& field : *passing) {
    from = std::find(from, fields.end(), field);
    HOLDS(from++ != fields.end());
    const std::string name = plain_name(field.name);
    for (const char* removed : {"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie",
                                "x-amz-security-token", "connection", "keep-alive", "proxy-connection", "te",
                                "transfer-encoding", "upgrade", "expect", "content-length", "host", "x-own"})
      HOLDS(name != removed);
    HOLDS(!name.starts_with("x-goog-"));
  }
  HOLDS(forwardable(*passing, own).value() == *passing);
}

void check_path(const std::string& target) {
  const auto path = Path::parse(target);
  if (!path) return;
  HOLDS(path->text() == target);
  HOLDS(target.find_first_of("%\\#;") == std::string::npos);
  const std::string segments = target.substr(0, target.find('?')) + "/";
  HOLDS(target.starts_with("/?") || target == "/" || !segments.contains("//"));
  HOLDS(!segments.contains("/./") && !segments.contains("/../"));
}

void check_target(const std::string& text) {
  const auto target = Target::parse(text);
  if (!target) return;
  const std::string path = text.substr(0, text.find('?'));
  const auto plain = Path::parse(path);
  HOLDS(!plain || (target->is(*plain) && target->is_within(*plain)));
  // A server that decodes the path, or the whole target, finds a path without "." or "..", below the same paths,
  // and the same query.
  std::string decoded, decoded_path;
  append_percent_decoded(decoded, text);
  append_percent_decoded(decoded_path, path);
  HOLDS(decoded.starts_with(decoded_path) && decoded.find_first_of("\\#;%") == std::string::npos);
  HOLDS(std::ranges::count(decoded, '/') == std::ranges::count(decoded_path, '/'));
  HOLDS(std::ranges::count(decoded, '?') <= 1);
  const std::string segments = decoded_path + (decoded_path.ends_with('/') ? "" : "/");
  HOLDS(segments.starts_with('/') && !segments.contains("//"));
  HOLDS(!segments.contains("/./") && !segments.contains("/../"));
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (const auto above = Path::parse(path.substr(0, end))) HOLDS(target->is_within(*above));
}

void check_message(const Read& message, const Setting& setting) {
  check_bounds(message, setting);
  if (setting.kind == Setting::Kind::requests) {
    check_request(message);
    check_forwardable(message);
    check_path(divided(message.start).second);
    check_target(divided(message.start).second);
  }
  if (!message.complete) return;
  const std::string again = written(message, setting);
  Setting closed = setting;
  closed.closed = true;
  const auto outcome = read(closed, again, whole_stream);
  HOLDS(!outcome.fault && outcome.messages == std::vector{message});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const Setting setting = read_setting(input.octet());
  const size_t longest_piece = 1 + size_t{input.octet()} * 8;
  const std::string stream = expanded(input);
  const auto whole = read(setting, stream, whole_stream);
  HOLDS(read(setting, stream, longest_piece) == whole);
  if (stream.size() <= longest_by_octets) HOLDS(read(setting, stream, 1) == whole);
  HOLDS(!whole.fault || fuzz::is_one_line(Error{.message = std::string(text(*whole.fault))}));
  for (const Read& message : whole.messages) check_message(message, setting);
  return 0;
}
