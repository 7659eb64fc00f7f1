#include "ostiary/netlink/batch.h"

#include <cstring>

#include <linux/netfilter/nfnetlink.h>

#include "ostiary/netlink/request.h"

namespace ostiary::netlink {
namespace {

constexpr size_t envelope = 2 * MNL_ALIGN(sizeof(nlmsghdr) + sizeof(nfgenmsg));
constexpr size_t reply_size = 4096;

Error whole_batch_error(int error) {
  if (error == EPERM || error == EACCES)
    return {
        Exit::not_permitted,
        "the kernel does not let this process change nftables; run the container with --cap-add=NET_ADMIN"};
  if (error == EOPNOTSUPP || error == EINVAL || error == EPROTONOSUPPORT)
    return {Exit::unavailable, "this kernel has no nf_tables; load the module nf_tables on the host"};
  return {Exit::unavailable, std::string("nftables transaction: ") + std::strerror(error)};
}

}  // namespace

Batch::Batch(size_t messages, size_t message_size)
    : message_size_(message_size), buffer_(envelope + messages * message_size), replies_(reply_size) {
  refusals_.reserve(messages);
}

void Batch::begin(uint16_t subsystem) {
  subsystem_ = subsystem;
  sequence_ += count_ + 2;
  count_ = 0;
  begin_request(buffer_.data(), {.type = NFNL_MSG_BATCH_BEGIN, .sequence = sequence_, .resource = subsystem});
  used_ = envelope / 2;
  last_ = nullptr;
}

nlmsghdr* Batch::add(uint16_t type, uint16_t flags, uint8_t family) {
  // The caller has added more messages than it reserved.
  if (buffer_.size() - used_ < message_size_ + envelope / 2) __builtin_trap();
  ++count_;
  const auto full_type = static_cast<uint16_t>(subsystem_ << 8U | type);
  last_ =
      begin_request(buffer_.data() + used_,
                    {.type = full_type, .flags = flags, .sequence = sequence_ + count_, .family = family});
  return last_;
}

void Batch::end_message() {
  used_ += MNL_ALIGN(last_->nlmsg_len);
}

Result<> Batch::send(Socket& socket) {
  // Replies come in the order of the messages, so the acknowledgement of the last message comes
  // last.
  last_->nlmsg_flags = static_cast<uint16_t>(last_->nlmsg_flags | NLM_F_ACK);
  const nlmsghdr* end =
      begin_request(buffer_.data() + used_,
                    {.type = NFNL_MSG_BATCH_END, .sequence = sequence_ + count_ + 1, .resource = subsystem_});
  return socket.send(std::span(buffer_).first(used_ + end->nlmsg_len));
}

void Batch::read_reply(const Message& message) {
  const uint32_t offset = message.sequence - sequence_;
  const auto error = acknowledged(message);
  if (!error || message.port != port_ || offset > count_ + 1) return;
  if (*error == 0) {
    if (verdict_ == Verdict::pending && offset == count_) verdict_ = Verdict::committed;
    return;
  }
  verdict_ = Verdict::refused;
  if (offset == 0 || offset > count_)
    whole_error_ = *error;
  else if (refusals_.size() < refusals_.capacity())
    refusals_.push_back({offset - 1, *error});
}

Result<std::span<const Refusal>> Batch::commit(Socket& socket) {
  refusals_.clear();
  if (last_ == nullptr) return std::span<const Refusal>{};
  verdict_ = Verdict::pending;
  whole_error_ = 0;
  port_ = socket.port();
  TRY(send(socket));
  while (verdict_ != Verdict::committed) {
    const Received received = TRY(socket.receive(replies_));
    if (received.kind == Received::Kind::nothing) break;
    if (received.kind == Received::Kind::overrun)
      return fail(Exit::unavailable, "the kernel's answer to an nftables transaction was lost");
    std::span<const uint8_t> rest = received.data;
    while (const auto message = next_message(rest)) read_reply(*message);
  }
  if (whole_error_ != 0) return std::unexpected(whole_batch_error(whole_error_));
  if (verdict_ == Verdict::pending)
    return fail(Exit::unavailable, "the kernel did not answer an nftables transaction");
  return std::span<const Refusal>(refusals_);
}

}  // namespace ostiary::netlink
