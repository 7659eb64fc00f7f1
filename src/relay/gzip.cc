#include "relay/gzip.h"

#include <array>
#include <cassert>
#include <memory>

#define ZLIB_CONST  // the input is const
#include <zlib.h>

#include "ostiary/base/c_handle.h"

namespace ostiary::relay {
namespace {

// Of spans, level 1 leaves 6 % more than the default, in less than half of the time.
constexpr int level = 1;
constexpr int gzip_window_bits = 15 + 16;  // the largest window; with a header of gzip
constexpr int memory_level = 8;            // the library's default

}  // namespace

std::optional<std::string> gzip(std::string_view octets) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window_bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  const std::unique_ptr<z_stream, CDelete<deflateEnd>> owned(&stream);
  std::string compressed(deflateBound(&stream, octets.size()), '\0');
  stream.next_in = reinterpret_cast<const Bytef*>(octets.data());
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  [[maybe_unused]] const int result = deflate(&stream, Z_FINISH);
  assert(result == Z_STREAM_END);  // deflateBound() has told how much room it takes
  compressed.resize(stream.total_out);
  compressed.shrink_to_fit();
  return compressed;
}

std::optional<std::string> gunzip(std::string_view compressed, size_t max_octets) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window_bits) != Z_OK) return std::nullopt;
  const std::unique_ptr<z_stream, CDelete<inflateEnd>> owned(&stream);
  stream.next_in = reinterpret_cast<const Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string octets;
  int result = Z_OK;
  while (result == Z_OK && octets.size() <= max_octets) {
    std::array<char, 16384> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = room.size();
    result = inflate(&stream, Z_NO_FLUSH);
    octets.append(room.data(), room.size() - stream.avail_out);
  }
  const bool is_whole = result == Z_STREAM_END && stream.avail_in == 0 && octets.size() <= max_octets;
  return is_whole ? std::optional(std::move(octets)) : std::nullopt;
}

}  // namespace ostiary::relay
