// inet/hash.h: hashes for tables of addresses and connections.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "ostiary/inet/connection.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

inline size_t hash_of(const IpAddress& address) noexcept {
  const auto octets = address.octets();
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(octets.data()), octets.size()});
}

inline size_t hash_of(const Connection& connection) noexcept {
  const size_t ports = size_t{connection.local_port} << 16U | connection.remote_port;
  return (hash_of(connection.local) * 31U + hash_of(connection.remote)) * 31U + ports;
}

struct ConnectionHash {
  size_t operator()(const Connection& connection) const noexcept { return hash_of(connection); }
};

}  // namespace ostiary::inet
