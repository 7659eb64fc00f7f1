// nft/rules/closed_socket.h: a TCP connection whose socket was closed before everything was sent. What is
// left the kernel sends when the other side has room, in packets that belong to no user.
#pragma once

#include "nft/rules/held_host.h"

namespace ostiary::test::rules {

class ClosedSocket {
 public:
  // Connects as that user. The other side accepts, and has no room yet: the test, outside or as `peer`.
  ClosedSocket(HeldHost& host, const Sender& sender, const Endpoint& to,
               const std::optional<Sender>& peer = {});
  ClosedSocket(const ClosedSocket&) = delete;
  ClosedSocket& operator=(const ClosedSocket&) = delete;
  ~ClosedSocket();

  // How each further packet goes.
  void set(int level, int option, std::span<const uint8_t> value);
  // Straight to the link, and the other side's by that link as well.
  void is_bound_to(const char* device);
  // Writes, closes, and makes room.
  std::string closes_after_writing(std::span<const uint8_t> data);

 private:
  std::string answers(uint8_t flags, uint16_t window);

  HeldHost& host_;
  std::optional<Sender> peer_;
  const char* link_ = wire;
  UniqueFd socket_;
  Packet syn_;
};

}  // namespace ostiary::test::rules
