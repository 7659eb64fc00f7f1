// selftest/unlisted.h: finds a target on the network that no rule permits. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

bool permits(std::span<const nft::AddressRule> permitted, const AddressPort& place, uint8_t protocol);

// The target is in a documentation network, so that a packet that gets out reaches no host. Empty
// if the rules permit every candidate.
std::optional<AddressPort> find_unlisted(inet::Family family, uint8_t protocol,
                                         std::span<const nft::AddressRule> permitted);

}  // namespace ostiary::selftest
