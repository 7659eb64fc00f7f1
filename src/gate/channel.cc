#include "channel.h"

#include <array>
#include <charconv>

#include <string.h>
#include <sys/socket.h>

namespace ostiary::gate {
namespace {

constexpr size_t max_datagram = 4096;
constexpr size_t max_text = 1024;

// A command of one octet, with space for a descriptor. `message` points to the other members.
struct CommandMessage {
  explicit CommandMessage(char code) : command(code) {
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  CommandMessage(const CommandMessage&) = delete;
  CommandMessage& operator=(const CommandMessage&) = delete;

  char command;
  iovec octets{.iov_base = &command, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
};

}  // namespace

// The kind as a digit, then the number, the text and the reason, each with a NUL at its end. A text
// that contains a NUL is cut there.
std::string render_message(const Message& message) {
  std::string octets(1, static_cast<char>('0' + static_cast<int>(message.kind)));
  for (const std::string& part :
       {std::to_string(message.number), message.text.substr(0, max_text), message.reason.substr(0, max_text)})
    octets.append(part, 0, part.find('\0')).push_back('\0');
  return octets;
}

std::optional<Message> parse_message(std::string_view octets) {
  if (octets.empty() || octets[0] < '0' || octets[0] > '0' + static_cast<int>(Message::Kind::failed))
    return std::nullopt;
  Message message{.kind = static_cast<Message::Kind>(octets[0] - '0')};
  octets.remove_prefix(1);
  std::array<std::string_view, 3> parts;
  for (std::string_view& part : parts) {
    const size_t end = octets.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    part = octets.substr(0, end);
    octets.remove_prefix(end + 1);
  }
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), message.number);
  if (!octets.empty() || parts[0] != std::to_string(message.number)) return std::nullopt;
  message.text = parts[1];
  message.reason = parts[2];
  return message;
}

Result<std::optional<std::string>> receive(int channel) {
  std::array<char, max_datagram> octets;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (true) {
    const ssize_t got = ::recv(channel, octets.data(), octets.size(), 0);
    if (got > 0) return std::string(octets.data(), static_cast<size_t>(got));
    if (got == 0 || errno == ECONNRESET) return std::nullopt;
    if (errno != EINTR) return std::unexpected(Error::system("the gate's channel", Exit::unavailable));
  }
}

Result<> send(int channel, char command, int descriptor) {
  CommandMessage datagram(command);
  cmsghdr* const control = CMSG_FIRSTHDR(&datagram.message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof descriptor);
  ::memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
  if (::sendmsg(channel, &datagram.message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return std::unexpected(Error::system("the gate's channel", Exit::unavailable));
  return {};
}

Result<std::optional<ReceivedCommand>> receive_command(int channel) {
  CommandMessage datagram(0);
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel, &datagram.message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
  if (got < 0) return std::unexpected(Error::system("the gate's channel", Exit::unavailable));
  ReceivedCommand received{.command = static_cast<Command>(datagram.command)};
  const cmsghdr* const control = CMSG_FIRSTHDR(&datagram.message);
  if (control != nullptr && control->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    ::memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    received.descriptor = UniqueFd(descriptor);
  }
  return received;
}

Result<> send(int channel, std::string_view octets) {
  if (::send(channel, octets.data(), octets.size(), MSG_NOSIGNAL) < 0)
    return std::unexpected(Error::system("the gate's channel", Exit::unavailable));
  return {};
}

}  // namespace ostiary::gate
