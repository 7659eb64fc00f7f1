// What the client and the server of the measurements agree on. A flow begins with a ClientHello, whose random says
// what the server does once it has answered with a ServerHello. TLS goes no further.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/types.h>

#include "../measuring.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/tls/write.h"

namespace ostiary::bench {

enum class Then : char { wait = 'w', send = 's', receive = 'r' };

constexpr size_t record_header = 5;
constexpr size_t random_at = record_header + 4 + 2;
constexpr size_t at_once = 256 << 10;  // octets of a read or a write in bulk

using tls::handshake_record;
using tls::number;
using tls::vector;

// Of 517 octets, as OpenSSL's.
inline std::string client_hello(std::string_view host, Then then) {
  const std::string name = number(2, 0) + vector(2, vector(2, number(1, 0) + vector(2, host)));
  const auto with_padding = [&](size_t octets) {
    const std::string extensions = name + number(2, 43) + vector(2, vector(1, "\x03\x04")) + number(2, 21) +
                                   vector(2, std::string(octets, '\0'));
    return handshake_record(1, "\x03\x03" + std::string(32, static_cast<char>(then)) +
                                   vector(1, std::string(32, 's')) + vector(2, "\x13\x01\x13\x02") +
                                   vector(1, std::string(1, '\0')) + vector(2, extensions));
  };
  return with_padding(517 - with_padding(0).size());
}

// Of 127 octets, with a key.
inline std::string server_hello() {
  return handshake_record(2, "\x03\x03" + std::string(32, 'r') + vector(1, std::string(32, 's')) +
                                 "\x13\x01" + std::string(1, '\0') +
                                 vector(2, number(2, 43) + vector(2, "\x03\x04") + number(2, 51) +
                                               vector(2, number(2, 29) + vector(2, std::string(32, 'k')))));
}

inline bool send_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    octets.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace ostiary::bench
