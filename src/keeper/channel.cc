#include "ostiary/keeper/channel.h"

#include <array>

#include <string.h>
#include <sys/socket.h>

namespace ostiary::keeper {
namespace {

// A message with space for one descriptor.
class Envelope {
 public:
  Envelope(char* octets, size_t size) : octets_{.iov_base = octets, .iov_len = size} {
    message.msg_iov = &octets_;
    message.msg_iovlen = 1;
    message.msg_control = control_.data();
    message.msg_controllen = control_.size();
  }
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  void enclose(int descriptor) {
    cmsghdr* const control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof descriptor);
    ::memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
  }
  UniqueFd enclosed() const {
    const cmsghdr* const control = CMSG_FIRSTHDR(&message);
    if (control == nullptr || control->cmsg_type != SCM_RIGHTS) return UniqueFd{};
    int descriptor = -1;
    ::memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    return UniqueFd(descriptor);
  }

  msghdr message{};

 private:
  iovec octets_;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control_{};
};

std::unexpected<Error> failed() {
  return std::unexpected(Error::system("a helper's channel", Exit::unavailable));
}

// Empty at the end of the channel. `receive_once` is recv() or recvmsg().
template <typename ReceiveOnce>
Result<std::optional<size_t>> repeat_interrupted(ReceiveOnce receive_once) {
  while (true) {
    const ssize_t got = receive_once();
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0 || errno == ECONNRESET) return std::nullopt;
    if (errno != EINTR) return failed();
  }
}

}  // namespace

Result<std::optional<std::string>> receive(int channel) {
  std::array<char, limits::datagram> octets;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto got = TRY(repeat_interrupted([&] { return ::recv(channel, octets.data(), octets.size(), 0); }));
  if (!got) return std::nullopt;
  return std::string(octets.data(), *got);
}

Result<> send(int channel, std::string_view octets) {
  if (::send(channel, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return failed();
  return {};
}

Result<> send_to_keeper(int channel, std::string_view octets) {
  while (::send(channel, octets.data(), octets.size(), MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return failed();
  return {};
}

Result<std::optional<Datagram>> receive_with_descriptor(int channel) {
  std::array<char, limits::datagram> octets;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  Envelope envelope(octets.data(), octets.size());
  const auto got =
      TRY(repeat_interrupted([&] { return ::recvmsg(channel, &envelope.message, MSG_CMSG_CLOEXEC); }));
  if (!got) return std::nullopt;
  return Datagram{.octets = std::string(octets.data(), *got), .descriptor = envelope.enclosed()};
}

Result<> send_with_descriptor(int channel, std::string_view octets, int descriptor) {
  std::string own(octets);
  Envelope envelope(own.data(), own.size());
  envelope.enclose(descriptor);
  if (::sendmsg(channel, &envelope.message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return failed();
  return {};
}

}  // namespace ostiary::keeper
