// nft/fake_admissions.h: admissions that never expire, for tests without a kernel.
#pragma once

#include <set>
#include <tuple>

#include "ostiary/nft/admissions.h"

namespace ostiary::test {

class FakeAdmissions final : public nft::AdmissionSet {
 public:
  using Key = std::tuple<inet::IpAddress, uint8_t, uint16_t>;

  Result<> admit(std::span<const nft::Admission> admissions) override {
    if (refuse) return fail(Exit::unavailable, "the kernel refuses");
    for (const auto& each : admissions) admitted.insert({each.address, each.protocol, each.port});
    ++calls;
    return {};
  }
  Result<> revoke(std::span<const nft::Admission> admissions) override {
    for (const auto& each : admissions) admitted.erase({each.address, each.protocol, each.port});
    ++calls;
    return {};
  }

  std::set<Key> admitted;
  size_t calls = 0;
  bool refuse = false;
};

}  // namespace ostiary::test
