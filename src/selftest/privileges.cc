#include "privileges.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "finding.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"
#include "probe_socket.h"

namespace ostiary::selftest {
namespace {

constexpr int mptcp = 262;

// `result` is a system call's. If it is negative, errno has the reason.
Finding judge(int result, std::string success) {
  const int error = errno;
  if (result >= 0) return escaped(std::move(success));
  const std::string reason = std::strerror(error);
  switch (classify(error)) {
    case Failure::refused:
      return held(reason);
    case Failure::no_such_socket:
      return not_applicable(reason);
    default:
      return escaped("it could not be tried: " + reason);
  }
}

Finding try_socket(int family, int type, int protocol) {
  const UniqueFd fd{::socket(family, type | SOCK_CLOEXEC, protocol)};
  return judge(fd.get(), "the kernel gave one");
}

// An answer that there is no such socket is as good as a refusal, from the filter or the kernel.
Finding try_unwanted_socket(int family, int type, int protocol) {
  Finding finding = try_socket(family, type, protocol);
  return finding.outcome == Outcome::not_applicable ? held(std::move(finding.detail)) : finding;
}

// An io_uring makes sockets without the filtered call. The attempt passes no parameters: the kernel
// reads them first, and so makes no ring.
Finding try_ring() {
  const auto result = ::syscall(SYS_io_uring_setup, 1, nullptr);
  if (result < 0 && errno == ENOSYS) return held("the call does not exist");
  if (result < 0 && errno == EFAULT) return escaped("the kernel was ready to make one");
  return judge(static_cast<int>(result), "the kernel gave one");
}

Finding try_mark(uint32_t mark) {
  const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd.valid()) return judge(fd.get(), {});
  return judge(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), "a socket has it");
}

Finding try_signal(pid_t gate) {
  if (gate <= 1) return escaped("it could not be tried: there is no gate");
  return judge(::kill(gate, 0), "the agent may send it signals");
}

Finding try_open(const std::string& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd.valid() && errno == ENOENT) return held("the agent cannot see the file");
  return judge(fd.get(), path + " opens for reading");
}

Finding try_memory(pid_t gate) {
  return try_open("/proc/" + std::to_string(gate) + "/mem");
}

Finding try_file(const std::string& path) {
  if (::geteuid() == 0) return not_applicable("the agent is root");
  if (path.empty()) return not_applicable("no file is named");
  return try_open(path);
}

constexpr const char* no_table = "ostiary-self-test";
constexpr size_t message_size = 128;

Finding judge(const Error& error) {
  if (error.exit == Exit::not_permitted) return held(std::strerror(EPERM));
  return escaped("it could not be tried: " + error.message);
}

Finding try_to_change_rules() {
  auto socket = netlink::Socket::open(netlink::Bus::netfilter);
  if (!socket) return judge(socket.error());
  netlink::Batch batch(1, message_size);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  nlmsghdr* message = batch.add(NFT_MSG_DELTABLE, 0, NFPROTO_INET);
  mnl_attr_put_strz(message, NFTA_TABLE_NAME, no_table);
  batch.end_message();
  const auto verdict = batch.commit(*socket);
  if (!verdict) return judge(verdict.error());
  return escaped("the kernel looked for the table to delete");
}

}  // namespace

std::vector<Attempt> try_privileges(const Targets& targets) {
  return {
      attempt("a raw IPv4 socket", try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)),
      attempt("a raw IPv6 socket", try_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)),
      // Without a protocol, so that it would receive nothing.
      attempt("a packet socket", try_unwanted_socket(AF_PACKET, SOCK_RAW, 0)),
      attempt("a vsock socket", try_unwanted_socket(AF_VSOCK, SOCK_STREAM, 0)),
      attempt("an MPTCP socket", try_unwanted_socket(AF_INET, SOCK_STREAM, mptcp)),
      attempt("an io_uring", try_ring()),
      attempt("the gate's mark", try_mark(targets.gate_mark)),
      attempt("changing the rules", try_to_change_rules()),
      attempt("ending the gate", try_signal(targets.gate_pid)),
      attempt("reading the gate's memory", try_memory(targets.gate_pid)),
      attempt("reading a file of root's", try_file(targets.root_only_file)),
  };
}

}  // namespace ostiary::selftest
