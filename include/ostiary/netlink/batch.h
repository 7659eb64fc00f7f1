// netlink/batch.h: one nfnetlink batch: all of it is committed or none.
// Messages are written into one buffer of fixed size; nothing is allocated after create().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <linux/netlink.h>

#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::netlink {

// A message of the batch the kernel would not carry out.
struct Refusal {
  size_t message = 0;  // its place in the batch, from 0
  int error = 0;       // an errno
};

class Batch {
 public:
  // Room for that many messages of at most `message_size` bytes each, header included.
  Batch(size_t messages, size_t message_size);

  // Forgets what it held.
  void begin(uint16_t subsystem);
  // A message to be filled by mnl_attr_put_*. Requires room: no more than `messages` since begin().
  nlmsghdr* add(uint16_t type, uint16_t flags, uint8_t family);
  // The last message added has all its attributes.
  void end_message();

  // Sends it and waits for the verdict. Empty: committed. Otherwise nothing was changed, and here is why.
  // The span lives until the next commit(). An error is one of the batch as a whole.
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
  uint32_t sequence_ = 0;  // of the batch's opening message; its messages follow
  uint32_t count_ = 0;
  uint32_t port_ = 0;
  enum class Verdict : uint8_t { pending, committed, refused } verdict_ = Verdict::pending;
  int whole_error_ = 0;
};

}  // namespace ostiary::netlink
