// net/network_namespace.h: whose network is this: one made for us, or the machine's own?
// Denying everything in the machine's own network would cut off its operator, so what cannot be known counts
// as the machine's.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::net {

enum class NamespaceKind : uint8_t { machine, own };

// What the kernel tells about the network namespace of this process.
enum class Origin : uint8_t {
  unknown,
  initial,  // the one the kernel booted with
  created,  // made later, by a container runtime, unshare(1) or ip-netns(8)
};

// What PID 1, as this process sees it, has to do with the network.
enum class InitProcess : uint8_t {
  unknown,    // may not be asked
  ourselves,  // we are PID 1
  shares,     // it has the same network namespace
  differs,    // it has another one
};

// Who started the place we run in.
enum class Place : uint8_t {
  unmarked,
  container,  // a container runtime's marker is there; with its "host network" the network is the machine's
              // still
  microvm,    // Fly: a virtual machine of our own, whose only network is ours
};

struct NamespaceFacts {
  Origin origin = Origin::unknown;
  InitProcess init = InitProcess::unknown;
  Place place = Place::unmarked;
};

NamespaceKind decide(const NamespaceFacts& facts);

// Reads /proc. The place comes from the caller, who knows the environment.
NamespaceFacts read_namespace_facts(Place place);

// /.dockerenv or /run/.containerenv exists.
enum class MarkerFiles : uint8_t { none, found };
MarkerFiles find_marker_files();

// Which network namespace. Equal ones are the same, while it exists.
struct NetworkId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NetworkId&) const = default;
};
std::string text(const NetworkId& id);

Result<NetworkId> own_network();
// Of a descriptor that stands for one.
Result<NetworkId> network_of(const UniqueFd& descriptor);

}  // namespace ostiary::net
