#include "ostiary/net/network_namespace.h"

#include <optional>

#include <sys/stat.h>
#include <unistd.h>

namespace ostiary::net {
namespace {

// The inode of the initial network namespace: the first dynamic number since Linux 5.17, a fixed
// one since 6.18. Older kernels gave it the next free number, so only a match proves something.
constexpr ino_t first_dynamic_inode = 0xF0000000;
constexpr ino_t fixed_inode = 0xEFFFFFF9;

std::optional<struct stat> status_of(const char* path) {
  struct stat status{};
  if (::stat(path, &status) != 0) return std::nullopt;
  return status;
}

// Every network namespace has a somaxconn of its own. Only the initial one shows the settings of
// the machine's packet queues. This holds on every kernel that has network namespaces.
Origin origin_by_sysctl() {
  if (!status_of("/proc/sys/net/core/somaxconn")) return Origin::unknown;
  return status_of("/proc/sys/net/core/netdev_max_backlog") ? Origin::initial : Origin::created;
}

Origin read_origin() {
  if (const auto self = status_of("/proc/thread-self/ns/net"))
    if (self->st_ino == first_dynamic_inode || self->st_ino == fixed_inode) return Origin::initial;
  return origin_by_sysctl();
}

InitProcess read_init() {
  if (::getpid() == 1) return InitProcess::ourselves;
  const auto self = status_of("/proc/thread-self/ns/net");
  const auto init = status_of("/proc/1/ns/net");
  if (!self || !init) return InitProcess::unknown;
  return self->st_ino == init->st_ino && self->st_dev == init->st_dev ? InitProcess::shares
                                                                      : InitProcess::differs;
}

}  // namespace

NamespaceKind decide(const NamespaceFacts& facts) {
  if (facts.place == platform::Place::microvm) return NamespaceKind::own;
  switch (facts.origin) {
    // In a container too: it was started with host networking.
    case Origin::initial:
      return NamespaceKind::machine;
    case Origin::created:
      return NamespaceKind::own;
    case Origin::unknown:
      break;
  }
  // The kernel does not tell. A marker of a container, such as /.dockerenv, would prove nothing,
  // because a container with host networking has it too. A network other than PID 1's is never the
  // machine's: PID 1 is the machine's init or a container's.
  return facts.init == InitProcess::differs ? NamespaceKind::own : NamespaceKind::machine;
}

NamespaceFacts read_namespace_facts(platform::Place place) {
  return {.origin = read_origin(), .init = read_init(), .place = place};
}

std::string text(const NetworkId& id) {
  return std::to_string(id.device) + ":" + std::to_string(id.inode);
}

Result<NetworkId> own_network() {
  const char* const path = "/proc/thread-self/ns/net";
  const auto status = status_of(path);
  if (!status) return std::unexpected(Error::system(path, Exit::unavailable));
  return NetworkId{.device = status->st_dev, .inode = status->st_ino};
}

Result<NetworkId> network_of(const UniqueFd& descriptor) {
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0)
    return std::unexpected(Error::system("network namespace", Exit::unavailable));
  return NetworkId{.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace ostiary::net
