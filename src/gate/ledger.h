// gate/ledger.h: the gate's own record of its admissions: until when, and for which names.
// - An admission is never shortened: an address of two names stays as long as either needs it.
// - The ledger holds only admissions that the kernel has acknowledged (nft::AdmissionSet).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/link/gate_terms.h"
#include "ostiary/nft/admissions.h"
#include "ostiary/policy/policy.h"

namespace ostiary::gate {

class Ledger {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Ledger(nft::AdmissionSet& kernel, InitialSets initial_sets)
      : kernel_(kernel), initial_sets_(initial_sets) {}

  // Admits each address on every port of the grants that cover it, for at least `lifetime`. Returns
  // the time until which all of them are admitted.
  Result<Time> admit(std::string_view name, std::span<const inet::IpAddress> addresses,
                     std::span<const policy::Grant> grants, std::chrono::seconds lifetime, Time now);

  // Admits everything again that has not expired: another process has emptied the kernel's sets.
  Result<> restore(Time now);

  // The name that last resolved to the address. Empty if there is none.
  std::string_view name_of(const inet::IpAddress& address) const;
  // False only if the ledger knows each name that resolved to the address, and this is none of them.
  bool may_have(const inet::IpAddress& address, std::string_view name) const;
  // Whether the address is admitted at that port of TCP without a name.
  bool admits_any_flow(const inet::IpAddress& address, uint16_t port, Time now) const;

  size_t size() const { return entries_.size(); }

 private:
  struct Key {
    inet::IpAddress address;
    uint16_t port;
    uint8_t protocol;
    nft::Admits admits;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const inet::IpAddress& address) const noexcept;
    size_t operator()(const Key& key) const noexcept;
  };

  using Name = std::shared_ptr<const std::string>;
  // Names that resolved to one address, the latest last.
  struct Names {
    std::vector<Name> known;
    bool were_forgotten = false;  // there were more
  };

  void note(const inet::IpAddress& address, const Name& name);
  Result<> make_room(size_t more, Time now);

  nft::AdmissionSet& kernel_;
  InitialSets initial_sets_;
  std::unordered_map<Key, Time, Hash> entries_;
  std::unordered_map<inet::IpAddress, Names, Hash> names_;
  std::vector<Key> keys_;                   // of the current call of admit()
  std::vector<nft::Admission> admissions_;  // of the current call
};

}  // namespace ostiary::gate
