#include "ostiary/http/response_reader.h"

#include <algorithm>

#include "http/limits.h"

namespace ostiary::http {
namespace {

constexpr uint16_t switching_protocols = 101;
constexpr uint16_t no_content = 204;
constexpr uint16_t not_modified = 304;

bool is_interim(uint16_t status) {
  return status < 200;
}

// Requires three octets.
std::optional<uint16_t> read_status(std::string_view text) {
  const auto status = parse_number<uint16_t>(text);
  return status && *status >= 100 && *status < 600 ? status : std::nullopt;
}

}  // namespace

std::optional<Fault> ResponseReader::read_status_line(std::string_view line) {
  constexpr size_t version_octets = 8;
  constexpr size_t reason_begin = version_octets + 5;
  const auto version = read_version(line.substr(0, version_octets), Fault::status_line);
  if (!version) return version.error();
  head_.version = *version;
  if (line.size() < reason_begin || line[version_octets] != ' ' || line[reason_begin - 1] != ' ')
    return Fault::status_line;
  const auto status = read_status(line.substr(version_octets + 1, 3));
  if (!status) return Fault::status_line;
  head_.status = *status;
  head_.reason = line.substr(reason_begin);
  return std::nullopt;
}

std::optional<Fault> ResponseReader::drop_interim(const Framing& framing) {
  if (head_.status == switching_protocols) return Fault::switches_protocol;
  if (framing != Framing{}) return Fault::body_not_allowed;
  if (++interim_ > limits::interim_responses) return Fault::too_many_interim;
  collected_.clear();
  return std::nullopt;
}

std::optional<Fault> ResponseReader::finish_head() {
  head_.fields = collected_.fields();
  const auto framing = read_framing(head_.fields, head_.version);
  if (!framing) return framing.error();
  if (is_interim(head_.status)) return drop_interim(*framing);
  const auto persistence = read_persistence(head_.fields, head_.version);
  if (!persistence) return persistence.error();
  head_.persistence = *persistence;
  // Some servers write Content-Length: 0 here, although they must not.
  if (head_.status == no_content && (framing->kind == Framing::Kind::chunked || framing->length > 0))
    return Fault::body_not_allowed;
  if (request_ == ResponseTo::head || head_.status == no_content || head_.status == not_modified)
    return body_.begin(head_.framing, max_body_octets_);
  head_.framing = *framing;
  if (framing->kind == Framing::Kind::none) {
    head_.framing.kind = Framing::Kind::until_close;
    head_.persistence = Persistence::close;
  }
  return body_.begin(head_.framing, max_body_octets_);
}

ResponseEvent ResponseReader::read_head(std::string_view& input) {
  for (;;) {
    const auto progress = collected_.read(input);
    if (!progress) return progress.error();
    if (*progress == HeadCollector::Progress::need_more) return NeedMore{};
    const bool is_complete = *progress == HeadCollector::Progress::complete;
    if (const auto fault = is_complete ? finish_head() : read_status_line(collected_.start_line()))
      return *fault;
    if (!is_complete || is_interim(head_.status)) continue;
    stage_ = Stage::body;
    return &head_;
  }
}

ResponseEvent ResponseReader::next(std::string_view& input) {
  if (fault_) return *fault_;
  const ResponseEvent event =
      stage_ == Stage::head
          ? read_head(input)
          : std::visit([](const auto& each) -> ResponseEvent { return each; }, body_.next(input));
  if (const auto* fault = std::get_if<Fault>(&event)) fault_ = *fault;
  return event;
}

ResponseEvent ResponseReader::end() {
  if (stage_ == Stage::body && body_.is_until_close() && !fault_) return Complete{};
  std::string_view nothing;
  const ResponseEvent event = next(nothing);
  if (!std::holds_alternative<NeedMore>(event)) return event;
  fault_ = Fault::cut_short;
  return *fault_;
}

}  // namespace ostiary::http
