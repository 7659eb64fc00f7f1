#include "public_suffix.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <libpsl.h>

namespace ostiary::policy {
namespace {

// Suffixes with the customers' names one or more labels below, which the list names one by one or
// not at all.
constexpr std::array<std::string_view, 12> above_customers{
    "amazonaws.com",          "amazonaws.com.cn",      "elasticbeanstalk.com",  "windows.net",
    "core.windows.net",       "blob.core.windows.net", "file.core.windows.net", "queue.core.windows.net",
    "table.core.windows.net", "web.core.windows.net",  "azurestaticapps.net",   "fastly.net"};

// Services whose names contain the address that they resolve to.
constexpr std::array<std::string_view, 5> of_any_address{"nip.io", "sslip.io", "xip.io", "traefik.me",
                                                         "local-ip.co"};

bool is_one_of(const inet::HostName& name, std::span<const std::string_view> suffixes) {
  return std::ranges::find(suffixes, name.text()) != suffixes.end();
}

bool is_listed(const inet::HostName& suffix, int section) {
  return psl_is_public_suffix2(psl_builtin(), suffix.text().c_str(), section) == 1;
}

}  // namespace

bool is_open_to_registration(const inet::HostName& suffix) {
  return !suffix.text().ends_with(".arpa") && is_listed(suffix, PSL_TYPE_ICANN);
}

bool is_shared_by_customers(const inet::HostName& suffix) {
  return suffix.text().contains('.') &&
         (is_listed(suffix, PSL_TYPE_PRIVATE) || is_one_of(suffix, above_customers));
}

bool resolves_to_any_address(const inet::HostName& suffix) {
  return is_one_of(suffix, of_any_address);
}

}  // namespace ostiary::policy
