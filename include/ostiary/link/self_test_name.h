// link/self_test_name.h: the port at which the self-test listens for hellos that the gate has to refuse, and the only
// name that the gate allows there. After the self-test nothing listens there.
#pragma once

#include <cstdint>
#include <string_view>

namespace ostiary::link {

inline constexpr uint16_t self_test_port = 15352;
inline constexpr std::string_view self_test_name = "listed.ostiary-self-test.invalid";

}  // namespace ostiary::link
