// platform/platform.h: detects the platforms of this container, and their resource attributes.
// - Several platforms can apply: a Coder workspace in a Kubernetes pod is both.
// - No function here reads from the machine. The caller passes the environment and the facts.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/telemetry/attributes.h"

namespace ostiary::platform {

// Returns the value of an environment variable, or an empty text if it is not set.
using Lookup = std::function<std::string_view(std::string_view name)>;

// Facts that are not in the environment. A fact that cannot be read is empty.
struct HostFacts {
  std::string host_name = {};
  // /var/run/secrets/kubernetes.io/serviceaccount/namespace
  std::string service_account_namespace = {};
  std::string container_id = {};
  bool has_dockerenv = false;     // /.dockerenv
  bool has_containerenv = false;  // /run/.containerenv
};

// One attribute for each key for which a platform has a value. The source has the form
// "Fly (FLY_APP_NAME)".
telemetry::PlatformAttributes detect(const Lookup& environment, const HostFacts& facts);

}  // namespace ostiary::platform
