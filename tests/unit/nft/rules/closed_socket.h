// nft/rules/closed_socket.h: a TCP connection whose socket was closed before all data was sent. The
// kernel sends the rest when the other side has space, in packets that belong to no user.
#pragma once

#include "nft/rules/filtered_host.h"

namespace ostiary::test::rules {

class ClosedSocket {
 public:
  // Connects as that user. The test, outside or as `peer`, accepts the connection with a window of
  // zero.
  ClosedSocket(FilteredHost& host, const Sender& sender, const Endpoint& to,
               const std::optional<Sender>& peer = {});
  ClosedSocket(const ClosedSocket&) = delete;
  ClosedSocket& operator=(const ClosedSocket&) = delete;
  ~ClosedSocket();

  // Sets an option for all further packets.
  void set(int level, int option, std::span<const uint8_t> value);
  // Sends directly to the link of that device. The other side uses the same link.
  void is_bound_to(const char* device);
  // Writes, closes, and opens the window.
  std::string closes_after_writing(std::span<const uint8_t> data);
  // Gets a packet that it has had, and acknowledges it again.
  std::string is_asked_again();
  // Closed while data waits, it gets data: the kernel resets the connection.
  std::string is_reset();

  const Packet& syn() const { return syn_; }

 private:
  std::string answers(uint8_t flags, uint16_t window);

  FilteredHost& host_;
  std::optional<Sender> peer_;
  const char* link_ = wire;
  UniqueFd socket_;
  Packet syn_;
};

}  // namespace ostiary::test::rules
