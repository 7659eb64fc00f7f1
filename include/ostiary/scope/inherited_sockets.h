// scope/inherited_sockets.h: network sockets that the agent is to inherit as standard input, output or error.
// The rules are those of one network namespace, and with --scope user they know a packet by who made its
// socket. What another one made, or belongs to another network, could be aimed elsewhere past them.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"

namespace ostiary::scope {

enum class Inheritable : uint8_t {
  no_socket,               // but Unix sockets
  sockets_of_this_network  // IP sockets of this network namespace as well
};

Result<> check_inherited_sockets(Inheritable inheritable);

}  // namespace ostiary::scope
