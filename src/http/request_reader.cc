#include "ostiary/http/request_reader.h"

#include <algorithm>

#include "ostiary/base/encoding.h"

namespace ostiary::http {
namespace {

// Of a path and a query (RFC 3986, 3.3 and 3.4).
constexpr bool is_target_octet(char c) {
  return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=:@/?%").contains(c);
}

std::optional<Fault> check_target(std::string_view target) {
  if (!target.starts_with('/')) return Fault::target_form;
  const bool well_formed = std::ranges::all_of(target, is_target_octet) && is_percent_encoded(target);
  return well_formed ? std::nullopt : std::optional(Fault::target_octet);
}

constexpr bool is_host_octet(char c) {
  return is_alphanumeric(c) || std::string_view("-._:[]").contains(c);
}

std::expected<std::string_view, Fault> read_host(std::span<const Field> fields) {
  const Field* host = nullptr;
  for (const Field& field : fields) {
    if (!equal_ignoring_case(field.name, "host")) continue;
    if (host != nullptr) return std::unexpected(Fault::host_doubled);
    host = &field;
  }
  if (host == nullptr) return std::unexpected(Fault::host_missing);
  // Only the characters. Who uses the name reads it.
  const bool well_formed = !host->value.empty() && std::ranges::all_of(host->value, is_host_octet);
  if (!well_formed) return std::unexpected(Fault::host);
  return host->value;
}

std::expected<bool, Fault> expects_continue(const RequestHead& head) {
  bool expects = false;
  for (const Field& field : head.fields) {
    if (!equal_ignoring_case(field.name, "expect")) continue;
    if (!equal_ignoring_case(field.value, "100-continue")) return std::unexpected(Fault::expectation);
    expects = true;
  }
  const bool has_body = head.framing.kind == Framing::Kind::chunked || head.framing.length > 0;
  return expects && has_body && head.version == Version::http_1_1;
}

}  // namespace

std::optional<Fault> RequestReader::read_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == last) return Fault::request_line;
  head_.method = line.substr(0, first);
  head_.target = line.substr(first + 1, last - first - 1);
  if (!is_token(head_.method) || head_.target.empty() ||
      head_.target.find_first_of(" \t") != head_.target.npos)
    return Fault::request_line;
  const auto version = read_version(line.substr(last + 1), Fault::request_line);
  if (!version) return version.error();
  head_.version = *version;
  if (head_.method == "CONNECT") return Fault::connect;
  return check_target(head_.target);
}

std::optional<Fault> RequestReader::finish_head() {
  head_.fields = collected_.fields();
  const auto host = read_host(head_.fields);
  if (!host) return host.error();
  head_.host = *host;
  const auto framing = read_framing(head_.fields, head_.version);
  if (!framing) return framing.error();
  head_.framing = *framing;
  const auto persistence = read_persistence(head_.fields, head_.version);
  if (!persistence) return persistence.error();
  head_.persistence = *persistence;
  const auto expects = expects_continue(head_);
  if (!expects) return expects.error();
  head_.expects_continue = *expects;
  return body_.begin(head_.framing, max_body_octets_);
}

RequestEvent RequestReader::read_head(std::string_view& input) {
  for (;;) {
    const auto progress = collected_.read(input);
    if (!progress) return progress.error();
    if (*progress == HeadCollector::Progress::need_more) return NeedMore{};
    if (*progress == HeadCollector::Progress::start_line) {
      if (const auto fault = read_request_line(collected_.start_line())) return *fault;
      continue;
    }
    if (const auto fault = finish_head()) return *fault;
    stage_ = Stage::body;
    return &head_;
  }
}

RequestEvent RequestReader::read_body(std::string_view& input) {
  const BodyEvent event = body_.next(input);
  if (std::holds_alternative<Complete>(event))
    stage_ = head_.persistence == Persistence::keep ? Stage::complete : Stage::last;
  return std::visit([](const auto& each) -> RequestEvent { return each; }, event);
}

std::span<const Field> RequestReader::fields_so_far() const {
  return stage_ == Stage::head ? collected_.fields() : std::span<const Field>();
}

std::optional<Fault> RequestReader::fault_so_far() const {
  if (stage_ != Stage::head || collected_.has_start_line()) return std::nullopt;
  std::string_view line = collected_.unfinished_line();
  const std::string_view method = take_until(line, ' ');
  if (line.empty() || line.starts_with('/')) return std::nullopt;
  return method == "CONNECT" ? Fault::connect : Fault::target_form;
}

bool RequestReader::is_within_host() const {
  if (stage_ != Stage::head || !collected_.has_start_line()) return false;
  const std::string_view line = collected_.unfinished_line();
  if (line.empty()) return false;
  constexpr std::string_view host = "host";
  const bool begins_so = resembles(line.substr(0, host.size()), host.substr(0, line.size()));
  return begins_so && (line.size() <= host.size() || !is_token_octet(line[host.size()]));
}

RequestEvent RequestReader::next(std::string_view& input) {
  if (fault_) return *fault_;
  if (stage_ == Stage::complete) {
    collected_.clear();
    stage_ = Stage::head;
  }
  RequestEvent event = NeedMore{};
  if (stage_ == Stage::last) {
    if (!input.empty()) event = Fault::after_last_request;
  } else {
    event = stage_ == Stage::head ? read_head(input) : read_body(input);
  }
  if (const auto* fault = std::get_if<Fault>(&event)) fault_ = *fault;
  return event;
}

}  // namespace ostiary::http
