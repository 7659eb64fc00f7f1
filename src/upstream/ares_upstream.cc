#include "ostiary/upstream/ares_upstream.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#define CARES_NO_DEPRECATED  // only ares_send() sends raw octets in both c-ares 1.18 and 1.34
#include <ares.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ostiary/dns/cursor.h"
#include "ostiary/dns/limits.h"
#include "ostiary/dns/message.h"
#include "ostiary/dns/query.h"

namespace ostiary::upstream {
namespace {

using namespace std::chrono_literals;

// ares_timeout() rounds down to a millisecond. A call before the full time would have no effect.
constexpr auto timer_grain = 1ms;
constexpr int version_with_zones = 0x011800;

// The maximum number of times that a returned question is sent again from another port.
constexpr size_t returns_max = 8;

int library_version() {
  int version = 0;
  ares_version(&version);
  return version;
}

Error ares_error(const char* what, int status) {
  return {Exit::unavailable, std::string(what) + ": c-ares: " + ares_strerror(status)};
}

// "192.0.2.53:53,[2001:db8::53]:53"
std::string comma_list(const std::vector<Server>& servers) {
  std::string list;
  for (const Server& server : servers) list += (list.empty() ? "" : ",") + text(server);
  return list;
}

// Sets the options that only newer versions of c-ares have.
int set_newer_options(ares_options& options, const Options& ours) {
  int set = 0;  // NOLINT(misc-const-correctness): constant only with the oldest version
#ifdef ARES_OPT_HOSTS_FILE
  static char no_hosts[] = "/dev/null";
  options.hosts_path = no_hosts;
  set |= ARES_OPT_HOSTS_FILE;
#endif
#ifdef ARES_OPT_MAXTIMEOUTMS
  options.maxtimeout = static_cast<int>(ours.try_timeout.count());
  set |= ARES_OPT_MAXTIMEOUTMS;
#endif
#ifdef ARES_OPT_QUERY_CACHE
  options.qcache_max_ttl = 0;
  set |= ARES_OPT_QUERY_CACHE;
#endif
  (void)options, (void)ours;
  return set;
}

bool is_format_error_without_opt(std::span<const uint8_t> reply) {
  dns::Reader in(reply);
  in.u16();
  const uint16_t flags = in.u16();
  in.seek(dns::limits::header_octets - 2);
  const uint16_t additional = in.u16();
  return in.ok() && (flags & dns::flag::rcode) == std::to_underlying(dns::Rcode::format_error) &&
         additional == 0;
}

}  // namespace

struct AresUpstream::Pending {
  enum class Edns : uint8_t { used, left_out };

  AresUpstream& owner;
  const dns::Question question;
  Answered answered;
  const event::Time due;
  Edns edns;
  std::optional<uint16_t> id;  // set when the question is sent
  std::list<Pending>::iterator self;
  std::vector<std::shared_ptr<SourcePort>> ports = {};  // those used so far, latest last
  size_t returns = 0;

  size_t write(std::span<uint8_t> room, uint16_t id_to_write) const {
    const size_t size = dns::write_query(room, id_to_write, question);
    if (edns == Edns::used) return size;
    room[dns::limits::header_octets - 1] = 0;
    return size - dns::limits::opt_octets;
  }
  void give_up_ports() {
    for (const auto& port : ports) port->fitness = SourcePort::Fitness::lossy;
  }
};

void AresUpstream::Handle::operator()(ares_channeldata* channel) const noexcept {
  ares_destroy(channel);
}

AresUpstream::AresUpstream(const Options& options, event::Loop& loop)
    : loop_(loop),
      sockets_(loop, options.mark, [this](int socket, uint32_t events) { process(socket, events); }),
      total_(options.total),
      outstanding_(options.outstanding),
      due_(loop, [this] { process_due(); }),
      after_batch_(loop, [this] {
        tidy();
        due_.set(deadline());
      }) {}

AresUpstream::~AresUpstream() {
  ending_ = true;
  channel_.reset();
}

bool AresUpstream::can_reach(const Server& server) {
  return server.zone.empty() || library_version() >= version_with_zones;
}

Result<std::unique_ptr<AresUpstream>> AresUpstream::create(const Options& options, event::Loop& loop) {
  if (options.servers.empty())
    return fail(Exit::configuration, "there is no upstream DNS server; name one with --upstream");
  for (const Server& server : options.servers)
    if (!can_reach(server))
      return fail(Exit::configuration,
                  "the upstream server " + text(server) +
                      " is link-local, which requires c-ares 1.24; name another with --upstream");
  if (options.mark) TRY(Sockets::can_be_marked(*options.mark));
  std::unique_ptr<AresUpstream> upstream(new AresUpstream(options, loop));
  TRY(upstream->open(options));
  return upstream;
}

// Sets every option that c-ares would otherwise read from resolv.conf or the environment.
Result<> AresUpstream::open(const Options& ours) {
  static char only_dns[] = "b";
  static char no_resolv_conf[] = "/dev/null";
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  // With only one server, pass its failure on unchanged: there is no other server to ask.
  if (ours.servers.size() == 1) options.flags |= ARES_FLAG_NOCHECKRESP;
  options.ednspsz = dns::limits::udp_payload_max;
  options.timeout = static_cast<int>(ours.try_timeout.count());
  options.tries = ours.tries;
  options.ndots = 0;
  options.lookups = only_dns;
  options.resolvconf_path = no_resolv_conf;
  options.sock_state_cb = on_socket_state;
  options.sock_state_cb_data = this;
  const int set = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                  ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE |
                  ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | set_newer_options(options, ours);
  ares_channel channel = nullptr;
  if (const int status = ares_init_options(&channel, &options, set); status != ARES_SUCCESS)
    return std::unexpected(ares_error("cannot make a resolver", status));
  channel_.reset(channel);
  // c-ares 1.18 requires all of these functions or none.
  static constexpr ares_socket_functions functions{.asocket = on_open,
                                                   .aclose = on_close,
                                                   .aconnect = on_connect,
                                                   .arecvfrom = on_receive,
                                                   .asendv = on_send};
  ares_set_socket_functions(channel, &functions, this);
  const std::string servers = comma_list(ours.servers);
  if (const int status = ares_set_servers_ports_csv(channel, servers.c_str()); status != ARES_SUCCESS)
    return std::unexpected(ares_error(("cannot use the upstream servers " + servers).c_str(), status));
  return {};
}

void AresUpstream::ask(const dns::Question& question, Answered answered) {
  if (ending_) return answered(std::unexpected(Unanswered::cancelled));
  if (pending_.size() + abandoned_.size() >= outstanding_)
    return answered(std::unexpected(Unanswered::too_many));
  Pending& pending = pending_.emplace_back(*this, question, std::move(answered), loop_.now() + total_,
                                           Pending::Edns::used, std::nullopt, pending_.end());
  pending.self = std::prev(pending_.end());
  send(pending);
}

// c-ares 1.18 sends the id that is written here. Later versions replace it with their own random
// id.
void AresUpstream::send(Pending& pending) {
  uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) return finish(pending, ARES_ENOMEM, {});
  std::array<uint8_t, dns::limits::udp_payload_min> query{};
  const size_t size = pending.write(query, id);
  ares_send(channel_.get(), query.data(), static_cast<int>(size), on_answer, &pending);
}

// In some versions only c-ares knows the id, so it is read from the packet that c-ares sends. A
// retry keeps the id. The search is backwards, so that the newest of equal questions is found.
AresUpstream::Pending* AresUpstream::find(const dns::Question& question, uint16_t id) {
  const auto found = std::ranges::find_if(pending_.rbegin(), pending_.rend(), [&](const Pending& each) {
    return each.id.value_or(id) == id && each.question.type == question.type &&
           each.question.name == question.name;
  });
  return found == pending_.rend() ? nullptr : &*found;
}

// A question that c-ares sends again got no answer through its earlier ports. Those become lossy.
ssize_t AresUpstream::send_datagram(int number, std::span<const uint8_t> query) {
  const auto sent = dns::read_query(query);
  const auto* read = std::get_if<dns::Query>(&sent);
  Pending* const pending = read == nullptr ? nullptr : find({read->name, read->type}, read->envelope.id);
  if (pending != nullptr) pending->give_up_ports();
  const auto port = ports_.next(number);
  if (!port) return -1;
  if (pending != nullptr) {
    pending->id = read->envelope.id;
    pending->ports.push_back(port);
  }
  return ::send(port->socket.fd.get(), query.data(), query.size(), MSG_NOSIGNAL);
}

Origin AresUpstream::recognize(const dns::Question& question, uint16_t id, const sockaddr* from) {
  Pending* const pending = find(question, id);
  if (pending == nullptr || !pending->id) return Origin::other;
  const bool is_ours = from != nullptr && std::ranges::any_of(pending->ports, [from](const auto& port) {
                         return port->is_bound_to(*from);
                       });
  return is_ours && send_again(*pending) ? Origin::returned : Origin::passed_on;
}

// Sends to the same server without c-ares. c-ares still recognizes the reply by its id.
bool AresUpstream::send_again(Pending& pending) {
  if (++pending.returns > returns_max) return false;
  std::array<uint8_t, dns::limits::udp_payload_min> query{};
  const size_t size = pending.write(query, *pending.id);
  return send_datagram(pending.ports.back()->number, std::span(query).first(size)) > 0;
}

ssize_t AresUpstream::on_send(int fd, const iovec* parts, int count, void* self) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  if (upstream.ports_.knows(fd))  // c-ares passes a datagram as one part
    return upstream.send_datagram(fd, {static_cast<const uint8_t*>(parts->iov_base), parts->iov_len});
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

void AresUpstream::on_answer(void* pending, int status, int /*timeouts*/, unsigned char* reply,
                             int size) noexcept {
  auto& answered = *static_cast<Pending*>(pending);
  const bool came = reply != nullptr && size > 0;
  answered.owner.finish(
      answered, status,
      came ? std::span<const uint8_t>(reply, static_cast<size_t>(size)) : std::span<const uint8_t>());
}

// Asks a server that does not support EDNS again, without EDNS. c-ares 1.18 does this itself, but
// only once per channel.
void AresUpstream::finish(Pending& pending, int status, std::span<const uint8_t> reply) {
  if (pending.answered && pending.edns == Pending::Edns::used && is_format_error_without_opt(reply)) {
    pending.edns = Pending::Edns::left_out;
    pending.id.reset();
    pending.ports.clear();
    return send(pending);
  }
  if (status == ARES_ETIMEOUT) pending.give_up_ports();
  Answered answered = std::exchange(pending.answered, nullptr);
  (answered ? pending_ : abandoned_).erase(pending.self);
  if (!answered) return;
  if (reply.empty())
    answered(std::unexpected(reason(status)));
  else
    answered(reply);
}

Unanswered AresUpstream::reason(int status) const {
  switch (status) {
    case ARES_ETIMEOUT:
      return Unanswered::timed_out;
    case ARES_ECONNREFUSED:
      return sockets_.cannot_be_marked() ? Unanswered::unmarked : Unanswered::refused_by_network;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
    case ARES_EBADNAME:
      return Unanswered::malformed;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return Unanswered::cancelled;
    case ARES_ENOMEM:
      return Unanswered::out_of_resources;
    default:
      return Unanswered::no_server;
  }
}

event::Deadline AresUpstream::deadline() const {
  if (pending_.empty() && abandoned_.empty()) return {};
  timeval room{};
  const timeval* next = ares_timeout(channel_.get(), nullptr, &room);
  event::Deadline retry;
  if (next != nullptr)
    retry = loop_.now() + std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec) +
            timer_grain;
  return pending_.empty() ? retry : event::earlier(retry, pending_.front().due);
}

void AresUpstream::process(int socket, uint32_t events) {
  const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
  const bool writable = (events & EPOLLOUT) != 0;
  if (const auto port = ports_.find(socket)) {
    const SourcePorts::Reading reading(ports_, port);
    return ares_process_fd(channel_.get(), port->number, ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_.get(), readable ? socket : ARES_SOCKET_BAD, writable ? socket : ARES_SOCKET_BAD);
}

void AresUpstream::process_due() {
  sockets_.end_closed();
  ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  give_up_overdue();
}

void AresUpstream::tidy() {
  ports_.close_idle();
  sockets_.end_closed();
  if (pending_.empty()) sockets_.prepare();
}

void AresUpstream::give_up_overdue() {
  const event::Time now = loop_.now();
  while (!pending_.empty() && pending_.front().due <= now) {
    Pending& overdue = pending_.front();
    overdue.give_up_ports();
    overdue.ports.clear();
    abandoned_.splice(abandoned_.end(), pending_, overdue.self);
    std::exchange(overdue.answered, nullptr)(std::unexpected(Unanswered::timed_out));
  }
}

// Ignores a request to watch for no events: c-ares is about to close that socket.
void AresUpstream::on_socket_state(void* self, int fd, int readable, int writable) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  const uint32_t events = (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
  if (events != 0 && !upstream.ports_.knows(fd)) upstream.sockets_.watch_stream(fd, events);
}

int AresUpstream::on_open(int family, int type, int protocol, void* self) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  if (type == SOCK_DGRAM) return upstream.ports_.open(family);
  return upstream.sockets_.open_stream(family, protocol);
}

int AresUpstream::on_connect(int fd, const sockaddr* address, socklen_t size, void* self) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  return upstream.ports_.knows(fd) ? upstream.ports_.connect(fd, address, size)
                                   : ::connect(fd, address, size);
}

ssize_t AresUpstream::on_receive(int fd, void* room, size_t size, int flags, sockaddr* from,
                                 socklen_t* from_size, void* self) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  if (upstream.ports_.knows(fd))
    return upstream.ports_.receive(fd, {static_cast<uint8_t*>(room), size}, from, from_size);
  return ::recvfrom(fd, room, size, flags, from, from_size);
}

int AresUpstream::on_close(int fd, void* self) noexcept {
  auto& upstream = *static_cast<AresUpstream*>(self);
  if (upstream.ports_.knows(fd))
    upstream.ports_.close(fd);
  else
    upstream.sockets_.close_stream(fd);
  return 0;
}

}  // namespace ostiary::upstream
