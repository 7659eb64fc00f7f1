// nft/admissions.h: the addresses that the kernel lets the agent reach, each for a limited time.
// - When admit() returns without an error, the kernel has acknowledged every admission.
// - The kernel's sets are the only record. This module keeps no copy.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::nft {

// Whether the caller knows that the address is not admitted yet.
// - `unknown` is always correct. It costs a few microseconds more.
// - A wrong `absent` costs milliseconds: the kernel rolls back, and admit() retries.
enum class Prior : uint8_t { unknown, absent };

// Which flows an admission lets begin: any, or those whose first packets the gate reads (nft/flow_queue.h).
enum class Admits : uint8_t { any_flow, named_flows };

struct Admission {
  inet::IpAddress address;
  uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP
  uint16_t port = 0;
  // More than 0, from now. It replaces the remaining time of an earlier admission.
  std::chrono::seconds lifetime{0};
  Prior prior = Prior::unknown;
  Admits admits = Admits::any_flow;
};

// The kernel's sets, behind an interface that tests can fake.
class AdmissionSet {
 public:
  virtual ~AdmissionSet() = default;

  // Admits addresses of both families in one transaction. More than `limits::batch_admissions` take
  // several transactions, in the given order. If one fails, the earlier ones stay in effect.
  virtual Result<> admit(std::span<const Admission> admissions) = 0;

  // Ignores lifetimes, and admissions that the kernel does not hold. Open flows stay open.
  virtual Result<> revoke(std::span<const Admission> admissions) = 0;
};

namespace limits {
// The kernel's refusals of one full batch fit a socket's receive buffer.
inline constexpr size_t batch_admissions = 128;
}  // namespace limits

class KernelAdmissions final : public AdmissionSet {
 public:
  static Result<KernelAdmissions> open();

  Result<> admit(std::span<const Admission> admissions) override;
  Result<> revoke(std::span<const Admission> admissions) override;

  // The netlink port that the kernel reports with these changes (nft/watch.h).
  uint32_t port() const { return socket_.port(); }
  // For other changes of the gate, which then come from the same port.
  netlink::Socket& socket() { return socket_; }

 private:
  explicit KernelAdmissions(netlink::Socket socket);
  Result<> admit_batch(std::span<const Admission> admissions);
  Result<> revoke_batch(std::span<const Admission> admissions);
  Result<std::span<const netlink::Refusal>> try_with_priors(std::span<const Admission> admissions);
  Result<std::span<const netlink::Refusal>> try_renewals(std::span<const Admission> admissions);
  void renew(const Admission& admission);
  void add(const Admission& admission, uint16_t flags);
  void remove(const Admission& admission);

  netlink::Socket socket_;
  netlink::Batch batch_;
};

}  // namespace ostiary::nft
