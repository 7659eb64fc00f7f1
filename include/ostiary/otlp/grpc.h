// otlp/grpc.h: what gRPC puts around a message of OTLP, and the status of an answer (OTLP
// specification, "OTLP/gRPC Response").
// - What the collector sent may be cut or malformed in any way. It is read within its length.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ostiary/otlp/reply.h"

namespace ostiary::otlp {

enum class Compression : uint8_t { none, applied };

// What precedes a message of so many octets.
std::array<char, 5> grpc_prefix(Compression compression, uint32_t octets);

// The first message of a stream, without its prefix. Nothing if it is not whole, or compressed.
std::optional<std::string_view> grpc_message(std::string_view stream);

struct GrpcStatus {
  Outcome outcome = Outcome::refused;
  std::string_view name;  // "UNAVAILABLE"
  std::optional<std::chrono::seconds> retry_after = {};
};

// From the fields grpc-status and grpc-status-details-bin, which may be empty. Nothing if the first is
// no number.
std::optional<GrpcStatus> grpc_status(std::string_view status, std::string_view details);

}  // namespace ostiary::otlp
