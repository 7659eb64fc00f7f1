// netlink/batch.h: one nfnetlink batch, which the kernel commits as a whole or not at all.
// All messages share one buffer of fixed size. Only the constructor allocates memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <linux/netlink.h>

#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::netlink {

// A message of the batch that the kernel refused.
struct Refusal {
  size_t message = 0;  // its index in the batch, from 0
  int error = 0;       // an errno
};

class Batch {
 public:
  // Reserves memory for `messages` messages of at most `message_size` bytes each, including the
  // header.
  Batch(size_t messages, size_t message_size);

  // Discards the old messages.
  void begin(uint16_t subsystem);
  // Adds a message. The caller fills it with mnl_attr_put_*. Requires that fewer than `messages`
  // were added since begin().
  nlmsghdr* add(uint16_t type, uint16_t flags, uint8_t family);
  // Call this after the last attribute of a message.
  void end_message();

  // Sends the batch and reads the kernel's verdict. No refusals: the batch is committed. Otherwise
  // the kernel changed nothing. The span is valid until the next commit(). An error concerns the
  // batch as a whole.
  Result<std::span<const Refusal>> commit(Socket& socket);

 private:
  Result<> send(Socket& socket);
  void read_reply(const Message& message);

  size_t message_size_;
  std::vector<uint8_t> buffer_;
  std::vector<uint8_t> replies_;
  std::vector<Refusal> refusals_;
  uint16_t subsystem_ = 0;
  size_t used_ = 0;
  nlmsghdr* last_ = nullptr;
  uint32_t sequence_ = 0;  // of the begin message; the other messages continue from it
  uint32_t count_ = 0;
  uint32_t port_ = 0;
  enum class Verdict : uint8_t { pending, committed, refused } verdict_ = Verdict::pending;
  int whole_error_ = 0;
};

}  // namespace ostiary::netlink
