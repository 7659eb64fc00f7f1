// otlp/message.h: the fields of a protobuf message (protozero).
// - The library only asserts that a field has the type that the caller reads, but the type is the
//   sender's choice. These functions check it.
#pragma once

#include <cstdint>
#include <string_view>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace ostiary::otlp {

using Writer = protozero::pbf_writer;
using Tag = protozero::pbf_tag_type;
using Malformed = protozero::exception;  // Reader and these functions throw it

// The library reads the lower half of a field's key. Other readers take a key over 32 bits for an unknown
// field, and would so read another value than we do.
class Reader : public protozero::pbf_reader {
 public:
  using pbf_reader::pbf_reader;

  bool next() {
    const protozero::data_view rest = data();
    const char* begin = rest.data();
    const bool is_long = !rest.empty() && (static_cast<uint8_t>(*begin) & 0x80U) != 0;
    if (is_long && protozero::decode_varint(&begin, rest.data() + rest.size()) > UINT32_MAX)
      throw protozero::invalid_tag_exception();
    return pbf_reader::next();
  }
};

inline Reader reader(std::string_view message) {
  return {message.data(), message.size()};
}

inline void require_type(const Reader& field, protozero::pbf_wire_type type) {
  if (!field.has_wire_type(type)) throw protozero::unknown_pbf_wire_type_exception();
}

// The value of a text, of octets or of a message.
inline std::string_view view(Reader& field) {
  require_type(field, protozero::pbf_wire_type::length_delimited);
  const protozero::data_view octets = field.get_view();
  return {octets.data(), octets.size()};
}

inline uint64_t number(Reader& field) {
  require_type(field, protozero::pbf_wire_type::varint);
  return field.get_uint64();
}

inline void add(Writer& out, Tag field, std::string_view octets) {
  out.add_bytes(field, octets.data(), octets.size());
}

}  // namespace ostiary::otlp
