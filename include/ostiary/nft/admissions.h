// nft/admissions.h: the addresses the kernel lets the agent reach, for a time.
// When admit() has returned without an error the kernel has acknowledged every one of them.
// The kernel alone knows what is admitted; nothing is remembered here.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::nft {

// Whether the address is admitted already. `unknown` is always right and costs some microseconds more.
// A wrong `absent` costs milliseconds: the kernel rolls the transaction back, and admit() tries again.
enum class Prior : uint8_t { unknown, absent };

struct Admission {
  inet::IpAddress address;
  uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP
  uint16_t port = 0;
  std::chrono::seconds lifetime{0};  // from now, whatever was left of an earlier admission; more than 0
  Prior prior = Prior::unknown;
};

// The seam to the kernel's sets.
class AdmissionSet {
 public:
  virtual ~AdmissionSet() = default;

  // Both families in one transaction; more than `limits::batch_admissions` in several, in their order, and
  // what precedes an error is admitted.
  virtual Result<> admit(std::span<const Admission> admissions) = 0;

  // Lifetimes do not matter here, nor does it when some are not admitted. Flows that are open stay open.
  virtual Result<> revoke(std::span<const Admission> admissions) = 0;
};

namespace limits {
// So many that all their refusals fit a socket's receive buffer.
inline constexpr size_t batch_admissions = 128;
}  // namespace limits

class KernelAdmissions final : public AdmissionSet {
 public:
  static Result<KernelAdmissions> open();

  Result<> admit(std::span<const Admission> admissions) override;
  Result<> revoke(std::span<const Admission> admissions) override;

  // The name under which the kernel reports these changes to watchers.
  uint32_t port() const { return socket_.port(); }

 private:
  explicit KernelAdmissions(netlink::Socket socket);
  Result<> admit_batch(std::span<const Admission> admissions);
  Result<> revoke_batch(std::span<const Admission> admissions);
  Result<std::span<const netlink::Refusal>> try_believing(std::span<const Admission> admissions);
  Result<std::span<const netlink::Refusal>> try_regardless(std::span<const Admission> admissions);
  void renew(const Admission& admission);
  void add(const Admission& admission, uint16_t flags);
  void remove(const Admission& admission);

  netlink::Socket socket_;
  netlink::Batch batch_;
};

}  // namespace ostiary::nft
