#include <algorithm>
#include <array>
#include <climits>
#include <string>

#include <unistd.h>

#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/platform/platform.h"

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

constexpr size_t id_length = 64;

// Files that the engine creates for each container in a directory whose name is the container's id,
// such as /var/lib/docker/containers/<id>/hostname. Mounts of image layers and volumes have
// directories with such names too.
constexpr std::array<std::string_view, 3> engine_files{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};

bool is_id(std::string_view name) {
  return name.size() == id_length &&
         std::ranges::all_of(name, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

HostFacts read_host_facts() {
  HostFacts facts;
  facts.host_name = host_name();
  facts.service_account_namespace = read_or_empty("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
  facts.has_dockerenv = file_exists("/.dockerenv");
  facts.has_containerenv = file_exists("/run/.containerenv");
  if (facts.has_dockerenv || facts.has_containerenv)
    facts.container_id = find_container_id(read_or_empty("/proc/self/mountinfo"));
  facts.known_hosts = parse_hosts(read_or_empty("/etc/hosts"));
  return facts;
}

std::vector<KnownHost> parse_hosts(std::string_view text) {
  std::vector<KnownHost> hosts;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    line = line.substr(0, line.find('#'));
    const auto address = inet::IpAddress::parse(take_word(line));
    if (!address) continue;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line))
      if (auto name = inet::HostName::parse(word)) hosts.push_back({*address, *std::move(name)});
  }
  return hosts;
}

std::string find_container_id(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    for (int skipped = 0; skipped < 3; ++skipped) take_until(line, ' ');  // mount, parent, device
    std::string_view root = take_until(line, ' ');
    const std::string_view mount_point = take_until(line, ' ');
    if (std::ranges::find(engine_files, mount_point) == engine_files.end()) continue;
    while (!root.empty())
      if (const std::string_view name = take_until(root, '/'); is_id(name)) return std::string(name);
  }
  return {};
}

}  // namespace ostiary::platform
