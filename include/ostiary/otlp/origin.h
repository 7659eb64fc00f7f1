// otlp/origin.h: which session, trace and span the items of a request name.
// - The names are the sender's statement. They borrow the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ostiary::otlp {

struct Origin {
  std::string_view session;     // the attribute session.id
  std::string_view trace = {};  // 16 octets; empty if the item is in no trace
  std::string_view span = {};   // 8 octets

  bool operator==(const Origin&) const = default;
};

enum class Items : uint8_t { spans, log_records };

// Of the items that name a session, in their order. Equal ones that follow each other are one. Nothing
// if the request is malformed. Stops at limits::origins.
std::optional<std::vector<Origin>> origins(std::string_view request, Items items);

namespace limits {
inline constexpr size_t origins = 256;
}  // namespace limits

}  // namespace ostiary::otlp
