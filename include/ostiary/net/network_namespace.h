// net/network_namespace.h: whether this network namespace is the machine's own or was made for us.
// To deny everything in the machine's own network would cut off its operator. A namespace whose
// kind is unknown therefore counts as the machine's.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/platform/platform.h"

namespace ostiary::net {

enum class NamespaceKind : uint8_t { machine, own };

// How the network namespace of this process began, as far as the kernel shows it.
enum class Origin : uint8_t {
  unknown,
  initial,  // the one the kernel booted with
  created,  // made later, by a container runtime, unshare(1) or ip-netns(8)
};

// How PID 1, as this process sees it, relates to our network namespace.
enum class InitProcess : uint8_t {
  unknown,    // its namespace cannot be read
  ourselves,  // we are PID 1
  shares,     // it has the same network namespace
  differs,    // it has another one
};

struct NamespaceFacts {
  Origin origin = Origin::unknown;
  InitProcess init = InitProcess::unknown;
  platform::Place place = platform::Place::unknown;
};

NamespaceKind decide(const NamespaceFacts& facts);

// Reads /proc.
NamespaceFacts read_namespace_facts(platform::Place place);

// Identifies a network namespace. Equal ids mean the same namespace, as long as it exists.
struct NetworkId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NetworkId&) const = default;
};
std::string text(const NetworkId& id);

Result<NetworkId> own_network();
// Of a descriptor that refers to a network namespace.
Result<NetworkId> network_of(const UniqueFd& descriptor);

}  // namespace ostiary::net
