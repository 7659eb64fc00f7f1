#include "ostiary/gate/launch.h"

#include <array>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "ostiary/base/process_name.h"
#include "ostiary/gate/gate.h"
#include "ostiary/inet/socket_address.h"

namespace ostiary::gate {
namespace {

constexpr int backlog = 64;

Error bind_error(const inet::IpAddress& address, uint16_t number, std::string_view transport) {
  Error error = Error::system(
      address.text() + " port " + std::to_string(number) + "/" + std::string(transport), Exit::unavailable);
  error.message += ": stop the program that listens there";
  return error;
}

Result<UniqueFd> open_listener(inet::Family family, uint16_t number, int type) {
  const bool ipv6 = family == inet::Family::ipv6;
  const auto loopback = inet::IpAddress::loopback(family);
  const inet::SocketAddress name(loopback, number);
  UniqueFd fd{::socket(name.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid() && errno == EAFNOSUPPORT && ipv6) return UniqueFd{};
  if (!fd.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  const int yes = 1;
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(fd.get(), name.get(), name.size()) != 0) {
    if (errno == EADDRNOTAVAIL && ipv6) return UniqueFd{};  // IPv6 is disabled
    return std::unexpected(bind_error(loopback, number, type == SOCK_STREAM ? "tcp" : "udp"));
  }
  if (type == SOCK_STREAM && ::listen(fd.get(), backlog) != 0)
    return std::unexpected(Error::system("listen", Exit::unavailable));
  return fd;
}

Result<UniqueFd> setup_file(const Setup& setup) {
  UniqueFd fd{::memfd_create("ostiary-gate-setup", MFD_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("memfd_create", Exit::unavailable));
  const std::string text = render_setup(setup);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(fd.get(), 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("the gate's setup", Exit::unavailable));
  return fd;
}

// Runs in the child. Moves the descriptors to their numbers in `inherited`. They first move beyond
// these numbers, so that none overwrites another.
[[noreturn]] void become_gate(std::array<int, inherited::last - inherited::setup + 1> fds, StartMode mode) {
  constexpr int beyond_all = 20;
  static_assert(beyond_all > inherited::last);
  for (int& fd : fds)
    if (fd >= 0) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, beyond_all);
  int target = inherited::setup;
  for (const int fd : fds) {
    if (fd >= 0)
      ::dup2(fd, target);
    else
      ::close(target);
    ++target;
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  // Closes every other descriptor of the keeper. If that fails, the gate must not start.
  if (::close_range(inherited::last + 1, ~0U, 0) != 0) ::_exit(static_cast<int>(Exit::unavailable));
  if (mode == StartMode::fork) {
    replace_process_arguments(program_name);
    const auto status = run();
    ::_exit(status ? *status : static_cast<int>(status.error().exit));
  }
  std::array<char*, 2> arguments{const_cast<char*>(program_name), nullptr};
  std::array<char*, 1> environment{nullptr};
  ::execve("/proc/self/exe", arguments.data(), environment.data());
  ::_exit(static_cast<int>(Exit::not_executable));
}

}  // namespace

Result<Listeners> open_listeners() {
  Listeners listeners;
  listeners.udp4 = TRY(open_listener(inet::Family::ipv4, port, SOCK_DGRAM));
  listeners.udp6 = TRY(open_listener(inet::Family::ipv6, port, SOCK_DGRAM));
  listeners.tcp4 = TRY(open_listener(inet::Family::ipv4, port, SOCK_STREAM));
  listeners.tcp6 = TRY(open_listener(inet::Family::ipv6, port, SOCK_STREAM));
  return listeners;
}

Result<> open_direct(Listeners& listeners) {
  auto ipv4 = TRY(open_listener(inet::Family::ipv4, direct_port, SOCK_DGRAM));
  auto ipv6 = TRY(open_listener(inet::Family::ipv6, direct_port, SOCK_DGRAM));
  listeners.direct_udp4 = std::move(ipv4);
  listeners.direct_udp6 = std::move(ipv6);
  return {};
}

Result<Process> Process::start(const Listeners& listeners, const Setup& setup, Inherited theirs,
                               StartMode mode) {
  const UniqueFd file = TRY(setup_file(setup));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::unexpected(Error::system("socketpair", Exit::unavailable));
  UniqueFd ours(ends[0]);
  const UniqueFd its(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(Error::system("fork", Exit::unavailable));
  if (pid == 0)
    become_gate({file.get(), its.get(), listeners.udp4.get(), listeners.udp6.get(), listeners.tcp4.get(),
                 listeners.tcp6.get(), listeners.direct_udp4.get(), listeners.direct_udp6.get(), theirs.audit,
                 theirs.wildcard_count},
                mode);
  return Process(pid, std::move(ours));
}

Result<std::optional<Message>> Process::receive(std::chrono::milliseconds limit) {
  pollfd readable{.fd = channel_.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&readable, 1, static_cast<int>(limit.count()));
  if (ready == 0) return fail(Exit::unavailable, "the gate did not answer in time");
  const auto octets = TRY(keeper::receive(channel_.get()));
  if (!octets) return std::nullopt;
  auto message = parse_message(*octets);
  if (!message) return fail(Exit::unavailable, "the gate sent a malformed message");
  return message;
}

Result<> Process::send_begin() {
  return send(channel_.get(), render_command(Command::begin));
}

Result<> Process::send_tested() {
  return send(channel_.get(), render_command(Command::tested));
}

Result<> Process::hand_over_audit(int file) {
  return keeper::send_with_descriptor(channel_.get(), render_command(Command::audit), file);
}

Result<> Process::send_restore() {
  return send(channel_.get(), render_command(Command::restore));
}

}  // namespace ostiary::gate
