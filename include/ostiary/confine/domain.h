// confine/domain.h: the Landlock domain of the agent's processes.
// Without a domain, the agent traces every process of its user that the kernel lets be traced: one
// of `docker exec --user`, a daemon, an editor's server. It reads that process's environment, and
// makes it do what it may not do itself. From a domain, no process outside can be traced.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ostiary::confine {

// A domain must forbid one thing more. Abstract Unix sockets of other processes cost the least,
// because the agent may connect to those of --allow-socket alone. Where that names an abstract one,
// the domain forbids signals to other processes instead.
enum class Domain : uint8_t { none, without_abstract_sockets, without_signals };

struct DomainName {
  Domain domain;
  std::string_view name;
};
inline constexpr std::array<DomainName, 3> domain_names{
    {{Domain::none, "none"},
     {Domain::without_abstract_sockets, "without abstract sockets"},
     {Domain::without_signals, "without signals"}}};

std::string_view text(Domain domain);
std::optional<Domain> parse_domain(std::string_view name);

// Whether the kernel has such domains (Linux 6.12), and the container runtime's filter allows them.
bool supports_domains();

}  // namespace ostiary::confine
