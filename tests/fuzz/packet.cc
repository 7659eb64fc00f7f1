// The destination of a denied packet. Another reader gets the same address. A prefix of the packet
// gives the same or less.
#include "nft/packet.h"

#include "fuzz.h"

using namespace ostiary;
using fuzz::Bytes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes packet(data, size);
  const auto whole = nft::parse_packet(packet);
  const unsigned version = size == 0 ? 0 : data[0] >> 4U;
  const size_t least = version == 4 ? 20 : 40;
  if (whole) {
    HOLDS((version == 4 || version == 6) && size >= least);
    const Bytes destination = packet.subspan(version == 4 ? 16 : 24, version == 4 ? 4 : 16);
    const Bytes parsed = whole->destination.octets();
    HOLDS(std::ranges::equal(parsed, destination.last(parsed.size())));
    if (parsed.size() == destination.size() && version == 4) HOLDS(whole->protocol == data[9]);
    HOLDS(!(whole->port && whole->icmp_type));
  } else {
    HOLDS((version != 4 && version != 6) || size < least || (data[0] & 15U) < 5);
  }
  for (size_t cut = 0; cut < std::min<size_t>(size, 256); ++cut) {
    const auto less = nft::parse_packet(packet.first(cut));
    if (!less) continue;
    HOLDS(whole && less->destination == whole->destination);
    HOLDS(!less->port || less->port == whole->port);
    HOLDS(!less->icmp_type || less->icmp_type == whole->icmp_type);
  }
  return 0;
}
