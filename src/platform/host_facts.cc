#include "ostiary/platform/host_facts.h"

#include <array>
#include <climits>
#include <string>

#include <unistd.h>

#include "container_id.h"
#include "ostiary/base/read_file.h"

namespace ostiary::platform {
namespace {

constexpr size_t max_fact = 256 * 1024;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string read_or_empty(const std::string& path) {
  std::string text = read_file(path, max_fact).value_or("");
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

platform::HostFacts read_host_facts() {
  platform::HostFacts facts;
  facts.host_name = host_name();
  facts.service_account_namespace = read_or_empty("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
  facts.has_dockerenv = file_exists("/.dockerenv");
  facts.has_containerenv = file_exists("/run/.containerenv");
  if (facts.has_dockerenv || facts.has_containerenv)
    facts.container_id = find_container_id(read_or_empty("/proc/self/mountinfo"));
  return facts;
}

}  // namespace ostiary::platform
