// gunzip.h: what a collector makes of a body that is compressed with gzip.
#pragma once

#include <array>
#include <string>
#include <string_view>

#define ZLIB_CONST
#include <zlib.h>

namespace ostiary::relay::testing {

// "malformed" if the text is not one whole gzip stream.
inline std::string gunzip(std::string_view compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return "malformed";
  stream.next_in = reinterpret_cast<const Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string octets;
  int result = Z_OK;
  while (result == Z_OK) {
    std::array<char, 4096> room{};
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = room.size();
    result = inflate(&stream, Z_NO_FLUSH);
    octets.append(room.data(), room.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && stream.avail_in == 0 ? octets : "malformed";
}

}  // namespace ostiary::relay::testing
