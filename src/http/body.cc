#include "ostiary/http/body.h"

#include <algorithm>

#include "http/limits.h"
#include "ostiary/base/encoding.h"

namespace ostiary::http {
namespace {

// Digits without a leading zero, which some parsers read as octal.
std::optional<uint64_t> read_length(std::string_view text) {
  if (text.size() > 1 && text.starts_with('0')) return std::nullopt;
  return parse_number<uint64_t>(text);
}

std::optional<Fault> check_text(char octet) {
  if (octet == '\n') return Fault::bare_lf;
  return is_forbidden_control(octet) ? std::optional(Fault::control) : std::nullopt;
}

}  // namespace

std::expected<Framing, Fault> read_framing(std::span<const Field> fields, Version version) {
  const Field* length = nullptr;
  const Field* coding = nullptr;
  for (const Field& field : fields) {
    if (equal_ignoring_case(field.name, "content-length")) {
      if (length != nullptr) return std::unexpected(Fault::length_doubled);
      length = &field;
    } else if (equal_ignoring_case(field.name, "transfer-encoding")) {
      if (coding != nullptr) return std::unexpected(Fault::transfer_coding);
      coding = &field;
    }
  }
  if (coding != nullptr) {
    if (length != nullptr) return std::unexpected(Fault::length_and_coding);
    if (version == Version::http_1_0) return std::unexpected(Fault::coding_before_1_1);
    if (!equal_ignoring_case(coding->value, "chunked")) return std::unexpected(Fault::transfer_coding);
    return Framing{.kind = Framing::Kind::chunked};
  }
  if (length == nullptr) return Framing{};
  const auto octets = read_length(length->value);
  if (!octets) return std::unexpected(Fault::length);
  return Framing{.kind = Framing::Kind::length, .length = *octets};
}

std::optional<Fault> BodyReader::begin(const Framing& framing, uint64_t max_octets) {
  *this = BodyReader();
  switch (framing.kind) {
    case Framing::Kind::none:
      break;
    case Framing::Kind::length:
      if (framing.length > max_octets) return Fault::body_too_large;
      state_ = State::octets_of_length;
      left_ = framing.length;
      break;
    case Framing::Kind::chunked:
      state_ = State::size;
      allowed_ = max_octets;
      break;
    case Framing::Kind::until_close:
      state_ = State::until_close;
      left_ = max_octets;
      break;
  }
  return std::nullopt;
}

Body BodyReader::take(std::string_view& input) {
  const auto octets = input.substr(0, static_cast<size_t>(std::min<uint64_t>(left_, input.size())));
  input.remove_prefix(octets.size());
  left_ -= octets.size();
  return Body{octets};
}

BodyEvent BodyReader::next(std::string_view& input) {
  for (;;) {
    if (state_ == State::octets_of_length && left_ == 0) state_ = State::complete;
    if (state_ == State::chunk && left_ == 0) state_ = State::chunk_cr;
    if (state_ == State::complete) return Complete{};
    if (input.empty()) return NeedMore{};
    if (state_ == State::until_close && left_ == 0) return Fault::body_too_large;
    if (state_ == State::octets_of_length || state_ == State::chunk || state_ == State::until_close)
      return take(input);
    if (const auto fault = read_octet(input.front())) return *fault;
    input.remove_prefix(1);
  }
}

std::optional<Fault> BodyReader::read_octet(char octet) {
  switch (state_) {
    case State::size:
      return read_size(octet);
    case State::extension:
      return read_extension(octet);
    case State::size_lf:
      return octet == '\n' ? begin_chunk() : Fault::bare_cr;
    case State::chunk_cr:
      return expect('\r', octet, Fault::chunk_end, State::chunk_lf);
    case State::chunk_lf:
      size_digits_ = 0;
      chunk_size_ = 0;
      return expect('\n', octet, Fault::chunk_end, State::size);
    default:
      return read_trailer(octet);
  }
}

std::optional<Fault> BodyReader::expect(char expected, char octet, Fault otherwise, State next) {
  if (octet != expected) return otherwise;
  state_ = next;
  return std::nullopt;
}

std::optional<Fault> BodyReader::read_size(char octet) {
  if (const auto digit = hexadecimal_value(octet)) {
    if (++size_digits_ > limits::chunk_size_digits) return Fault::chunk_size;
    chunk_size_ = chunk_size_ << 4U | *digit;
    return std::nullopt;
  }
  if (octet == '\n') return Fault::bare_lf;
  if (size_digits_ == 0 || (octet != '\r' && octet != ';')) return Fault::chunk_size;
  state_ = octet == '\r' ? State::size_lf : State::extension;
  return std::nullopt;
}

std::optional<Fault> BodyReader::read_extension(char octet) {
  if (octet == '\r') {
    state_ = State::size_lf;
    return std::nullopt;
  }
  if (const auto fault = check_text(octet)) return fault;
  if (++extension_octets_ > limits::chunk_extension_octets) return Fault::chunk_extensions_too_large;
  return std::nullopt;
}

std::optional<Fault> BodyReader::begin_chunk() {
  if (chunk_size_ > allowed_) return Fault::body_too_large;
  allowed_ -= chunk_size_;
  left_ = chunk_size_;
  state_ = chunk_size_ == 0 ? State::trailer : State::chunk;
  return std::nullopt;
}

std::optional<Fault> BodyReader::read_trailer_name(char octet) {
  if (octet == ':') {
    state_ = State::trailer_value;
    const std::string_view name(trailer_name_.data(), std::min(trailer_name_octets_, trailer_name_.size()));
    return resembles_any(name, framing_names) ? std::optional(Fault::trailer_name) : std::nullopt;
  }
  if (!is_token_octet(octet)) return Fault::field_name;
  if (trailer_name_octets_ < trailer_name_.size()) trailer_name_[trailer_name_octets_] = octet;
  ++trailer_name_octets_;
  return std::nullopt;
}

std::optional<Fault> BodyReader::read_trailer(char octet) {
  if (++trailer_octets_ > limits::trailer_octets) return Fault::trailers_too_large;
  switch (state_) {
    case State::trailer:
      trailer_name_octets_ = 0;
      state_ = octet == '\r' ? State::last_lf : State::trailer_name;
      if (octet == '\r') return std::nullopt;
      if (octet == '\n') return Fault::bare_lf;
      if (octet == ' ' || octet == '\t') return Fault::folded_line;
      return octet == ':' ? Fault::field_name : read_trailer_name(octet);
    case State::trailer_name:
      return read_trailer_name(octet);
    case State::trailer_value:
      if (octet != '\r') return check_text(octet);
      state_ = State::trailer_lf;
      return std::nullopt;
    case State::trailer_lf:
      return expect('\n', octet, Fault::bare_cr, State::trailer);
    default:
      return expect('\n', octet, Fault::bare_cr, State::complete);
  }
}

}  // namespace ostiary::http
