// nft/rules/network.h: a host with two cables, `wire` to the outside and `inner` to a container inside. At
// their other ends are no hosts: nothing answers but the test, which sees each packet that comes out.
// Made once, because that takes longer than a test. The rules of tables and the flows go with reset().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "net/hosts.h"
#include "nft/rules/packet.h"

namespace ostiary::test::rules {

inline constexpr const char* wire = "wire";
inline constexpr const char* inner = "inner";

// Packets that came out since the last look.
struct Seen {
  std::vector<Packet> left;     // on the wire
  std::vector<Packet> stayed;   // on loopback
  std::vector<Packet> entered;  // to the container
  std::vector<Packet> astray;   // on either cable, to another neighbour
  int received = 0;             // that a socket of the host's got
};

enum class Cast : uint8_t { to_the_host, to_many };

class Network {
 public:
  static Network& get();

  const Host& inside() const { return inside_; }
  void reset();
  void inject(const char* cable, Cast cast, const Packet& packet);
  // Waits until the kernel has delivered all that was sent, and all that it sent because of that.
  Seen look();

 private:
  Network();

  // Where the host's packets come out, and a socket for markers on the host's side.
  struct Cable {
    int far_index = 0, near_index = 0;
    UniqueFd far, near;
  };
  Cable lay(const char* name, uint32_t index, const Host& other_end);
  void read_to_marker(const UniqueFd& fd, std::vector<Packet>* into, std::vector<Packet>* astray);

  Host inside_, outside_, container_;
  Cable wire_, inner_, loopback_;
  std::vector<UniqueFd> receivers_;
};

}  // namespace ostiary::test::rules
