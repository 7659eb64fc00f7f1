// Blocking HTTP/1.1 messages over TCP or TLS, for the client and the server of scripts/bench's
// measurements of the relay.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../measuring.h"
#include "ostiary/base/c_handle.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::bench {

using Context = std::unique_ptr<SSL_CTX, CDelete<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, CDelete<SSL_free>>;

constexpr std::string_view end_of_head = "\r\n\r\n";
// In front of the ten digits of a record's number, and of the twenty of the time at which an event
// was sent.
constexpr std::string_view record_mark = "record-";
constexpr std::string_view sent_mark = "sent-";
constexpr size_t record_digits = 10;
constexpr size_t sent_digits = 20;

// All processes of a machine have the same steady clock.
inline uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

inline std::optional<uint64_t> number_in(std::string_view text) {
  uint64_t number = 0;
  const auto read = std::from_chars(text.begin(), text.end(), number);
  return read.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

inline uint64_t needed_number(std::string_view text) {
  const auto number = number_in(text);
  if (!number) give_up("not a number: " + std::string(text));
  return *number;
}

inline void put_digits(char* room, size_t digits, uint64_t number) {
  for (size_t i = digits; i > 0; number /= 10) room[--i] = static_cast<char>('0' + number % 10);
}

inline sockaddr_in address_of(const char* text, std::string_view port) {
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<uint16_t>(needed_number(port))),
                      .sin_addr = {},
                      .sin_zero = {}};
  if (::inet_pton(AF_INET, text, &address.sin_addr) != 1) give_up(text);
  return address;
}

// One message after another, in both directions.
class Connection {
 public:
  // Over TLS if there is a session, whose handshake is done.
  Connection(UniqueFd socket, Session session) : socket_(std::move(socket)), session_(std::move(session)) {
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  bool write(std::string_view octets) {
    while (!octets.empty()) {
      size_t moved = 0;
      if (session_) {
        if (SSL_write_ex(session_.get(), octets.data(), octets.size(), &moved) != 1) return false;
      } else {
        const ssize_t sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        moved = static_cast<size_t>(sent);
      }
      octets.remove_prefix(moved);
    }
    return true;
  }

  // Adds what comes next to the input.
  bool read_more() {
    constexpr size_t room = 65536;
    const size_t before = input_.size();
    input_.resize(before + room);
    size_t moved = 0;
    if (session_) {
      if (SSL_read_ex(session_.get(), input_.data() + before, room, &moved) != 1) moved = 0;
    } else {
      const ssize_t got = ::recv(socket_.get(), input_.data() + before, room, 0);
      moved = got > 0 ? static_cast<size_t>(got) : 0;
    }
    input_.resize(before + moved);
    return moved > 0;
  }

  std::string& input() { return input_; }

  // Takes the head of a message from the input. Empty if the connection has ended.
  std::string read_head() {
    size_t end = 0;
    while ((end = input_.find(end_of_head)) == std::string::npos)
      if (!read_more()) return {};
    std::string head = input_.substr(0, end + end_of_head.size());
    input_.erase(0, head.size());
    return head;
  }

  // Reads a body with this length to the start of the input.
  bool read_body(size_t length) {
    while (input_.size() < length)
      if (!read_more()) return false;
    return true;
  }

 private:
  UniqueFd socket_;
  Session session_;
  std::string input_;
};

// 0 if there is none.
inline size_t content_length(std::string_view head) {
  std::string lower(head);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  constexpr std::string_view name = "\r\ncontent-length: ";
  const size_t at = lower.find(name);
  return at == std::string::npos ? 0
                                 : number_in(std::string_view(lower).substr(at + name.size())).value_or(0);
}

}  // namespace ostiary::bench
