// nft/rules/network.h: a host with two links, `wire` to the outside and `inner` to a container
// inside. There are no hosts at the other ends: only the test answers, and it sees each packet that
// leaves.
// Made only once, because that is slow. reset() removes all tables and flows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "net/hosts.h"
#include "nft/rules/packet.h"

namespace ostiary::test::rules {

inline constexpr const char* wire = "wire";
inline constexpr const char* inner = "inner";

// The packets since the last look().
struct Seen {
  std::vector<Packet> left;          // on `wire`
  std::vector<Packet> stayed;        // on loopback
  std::vector<Packet> entered;       // to the container
  std::vector<Packet> to_neighbour;  // on either link, to another neighbour
  int received = 0;                  // packets that a socket of the host received
};

enum class Cast : uint8_t { unicast, multicast };

class Network {
 public:
  static Network& get();

  const Host& inside() const { return inside_; }
  void reset();
  void inject(const char* link, Cast cast, const Packet& packet);
  // Waits until the kernel has delivered all packets, and all packets that those caused.
  Seen look();

 private:
  Network();

  // The other end of a link, and a socket for markers at the host's end.
  struct Link {
    int far_index = 0, near_index = 0;
    UniqueFd far, near;
  };
  Link make_link(const char* name, uint32_t index, const Host& other_end);
  void read_to_marker(const UniqueFd& fd, std::vector<Packet>* into, std::vector<Packet>* to_neighbour);

  Host inside_, outside_, container_;
  Link wire_, inner_, loopback_;
  std::vector<UniqueFd> receivers_;
};

}  // namespace ostiary::test::rules
