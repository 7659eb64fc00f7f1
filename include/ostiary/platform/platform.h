// platform/platform.h: detects the platforms of this container, their resource attributes, and what
// they mean for its network.
// - Several platforms can apply: a Coder workspace in a Kubernetes pod is both.
// - Only read_host_facts() and read_repository() read from the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/inet/destination.h"
#include "ostiary/platform/repository.h"
#include "ostiary/telemetry/attributes.h"

namespace ostiary::platform {

// Returns the value of an environment variable, or an empty text if it is not set.
using Lookup = std::function<std::string_view(std::string_view name)>;

// A name of /etc/hosts.
struct KnownHost {
  inet::IpAddress address;
  inet::Host name;
};

// Facts that are not in the environment. A fact that cannot be read is empty.
struct HostFacts {
  std::string host_name = {};
  // /var/run/secrets/kubernetes.io/serviceaccount/namespace
  std::string service_account_namespace = {};
  std::string container_id = {};
  bool has_dockerenv = false;     // /.dockerenv
  bool has_containerenv = false;  // /run/.containerenv
  std::vector<KnownHost> known_hosts = {};
  Repository repository = {};
};

// Without the repository: that is of the agent's work directory.
HostFacts read_host_facts();

// The container's id in the text of /proc/self/mountinfo: 64 hexadecimal digits. Empty if the text
// has no id from Docker or Podman.
std::string find_container_id(std::string_view mountinfo);

// Reads the text of /etc/hosts. Leaves out lines and names that are not valid.
std::vector<KnownHost> parse_hosts(std::string_view text);

// One attribute for each key for which a platform has a value, or else the repository. The source has the form
// "Fly (FLY_APP_NAME)".
telemetry::PlatformAttributes detect(const Lookup& environment, const HostFacts& facts);

// `microvm`: on Fly, a virtual machine of our own, whose only network is ours.
enum class Place : uint8_t { unknown, microvm };
Place place_of(const Lookup& environment);

// A pod's network is also that of its other containers, and outlives each of them.
bool is_in_a_pod(const Lookup& environment);

}  // namespace ostiary::platform
