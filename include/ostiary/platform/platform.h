// platform/platform.h: which platforms this container runs on, and what they tell about it.
// Several can hold at once: a Coder workspace in a Kubernetes pod is both. Nothing here looks at the machine;
// the caller brings the environment and the facts.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/telemetry/attributes.h"

namespace ostiary::platform {

// The value of an environment variable, empty when it is not set.
using Lookup = std::function<std::string_view(std::string_view name)>;

// What the environment does not say. Empty where it cannot be read.
struct HostFacts {
  std::string host_name = {};
  std::string service_account_namespace = {};  // /var/run/secrets/kubernetes.io/serviceaccount/namespace
  std::string container_id = {};
  bool has_dockerenv = false;     // /.dockerenv
  bool has_containerenv = false;  // /run/.containerenv
};

// One attribute a key, if the platform has a value for it. The source reads "Fly (FLY_APP_NAME)".
telemetry::PlatformAttributes detect(const Lookup& environment, const HostFacts& facts);

}  // namespace ostiary::platform
