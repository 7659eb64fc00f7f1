// telemetry/proxies.h: the variables that name a proxy. The relay connects directly.
#pragma once

#include <array>
#include <string_view>

namespace ostiary::telemetry {

inline constexpr std::array<std::string_view, 6> proxies{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY",
                                                         "https_proxy", "http_proxy", "all_proxy"};

}  // namespace ostiary::telemetry
