// config/gate_switch.h: whether a boot has a gate, in the configuration and in the audit.
#pragma once

#include <cstdint>
#include <string_view>

namespace ostiary::config {

enum class GateSwitch : uint8_t { off, on };

constexpr std::string_view text(GateSwitch gate) {
  return gate == GateSwitch::on ? "on" : "off";
}

}  // namespace ostiary::config
