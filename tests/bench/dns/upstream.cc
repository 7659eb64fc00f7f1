// The upstream of the DNS benchmarks: answers with an address for every host<number>.bench.example,
// with a TTL of half an hour. Other types have no data.

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "messages.h"

namespace {

using bench::header_octets;
using bench::Message;

constexpr std::array<std::array<uint8_t, 3>, 2> networks{{{198, 51, 100}, {203, 0, 113}}};
constexpr unsigned hosts_in_a_network = 254;
constexpr unsigned seconds_to_live = 1800;

std::string_view first_label(std::span<const uint8_t> message) {
  const size_t size = message[header_octets];
  if (size >= message.size() - header_octets) return {};
  return {reinterpret_cast<const char*>(message.data()) + header_octets + 1, size};
}

unsigned number_of(std::string_view label) {
  unsigned number = 0;
  const size_t digits = std::min(label.find_first_of("0123456789"), label.size());
  std::from_chars(label.data() + digits, label.data() + label.size(), number);
  return number;
}

size_t end_of_question(std::span<const uint8_t> message) {
  size_t at = header_octets;
  while (at < message.size() && message[at] != 0) at += size_t{message[at]} + 1;
  return at + 5;
}

// The answer to a question. Empty if the message is not a question.
Message answer(std::span<const uint8_t> question) {
  if (question.size() <= header_octets) return {};
  const size_t end = end_of_question(question);
  if (end > question.size()) return {};
  Message out(question.begin(), question.begin() + static_cast<ptrdiff_t>(end));
  const bool asks_for_address = out[end - 3] == 1;
  const uint8_t answers = asks_for_address ? 1 : 0;
  out[2] = 0x81;
  out[3] = 0x80;
  for (size_t i = 6; i < header_octets; ++i) out[i] = 0;
  out[7] = answers;
  if (!asks_for_address) return out;
  for (const unsigned field : {0xc00cU, 1U, 1U, 0U, seconds_to_live, 4U}) bench::put_u16(out, field);
  const unsigned number = number_of(first_label(question));
  const auto& network = networks[number / hosts_in_a_network % networks.size()];
  out.insert(out.end(), network.begin(), network.end());
  out.push_back(static_cast<uint8_t>(1 + number % hosts_in_a_network));
  return out;
}

}  // namespace

int main() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {}, .sin_zero = {}};
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) {
    std::perror("dns_upstream: bind");
    return EXIT_FAILURE;
  }
  // Space for a burst of questions, for all names of a policy.
  const int queue = 1 << 23;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue);
  std::array<uint8_t, 2048> room{};
  while (true) {
    sockaddr_in client{};
    socklen_t client_size = sizeof client;
    const ssize_t size =
        ::recvfrom(fd, room.data(), room.size(), 0, reinterpret_cast<sockaddr*>(&client), &client_size);
    if (size < 0) continue;
    const Message reply = answer(std::span(room).first(static_cast<size_t>(size)));
    if (!reply.empty())
      ::sendto(fd, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client), client_size);
  }
}
