#include "ostiary/upstream/ares_upstream.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#define CARES_NO_DEPRECATED  // ares_send() is the one way to send octets that both 1.18 and 1.34 have
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
using std::chrono::steady_clock;

// ares_timeout() rounds down to the millisecond; earlier would be in vain.
constexpr auto timer_grain = 1ms;
constexpr int version_with_zones = 0x011800;

// How many questions share a source port: a forger must guess it together with the id.
[[maybe_unused]] constexpr int questions_per_port = 16;

int library_version() {
  int version = 0;
  ares_version(&version);
  return version;
}

Error ares_error(const char* what, int status) {
  return {Exit::unavailable, std::string(what) + ": c-ares: " + ares_strerror(status)};
}

// What c-ares does itself where nobody else's functions are set.
int connect_socket(int fd, const sockaddr* address, socklen_t size, void* /*self*/) noexcept {
  return ::connect(fd, address, size);
}
ssize_t receive_from(int fd, void* room, size_t size, int flags, sockaddr* from, socklen_t* from_size,
                     void* /*self*/) noexcept {
  return ::recvfrom(fd, room, size, flags, from, from_size);
}

// "192.0.2.53:53,[2001:db8::53]:53"
std::string comma_list(const std::vector<Server>& servers) {
  std::string list;
  for (const Server& server : servers) list += (list.empty() ? "" : ",") + text(server);
  return list;
}

// What of the c-ares options differs between its versions.
int set_what_newer_versions_know(ares_options& options, const Options& ours) {
  int set = 0;  // NOLINT(misc-const-correctness): constant with the oldest version alone
#ifdef ARES_OPT_HOSTS_FILE
  static char no_hosts[] = "/dev/null";
  options.hosts_path = no_hosts;
  set |= ARES_OPT_HOSTS_FILE;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
  options.udp_max_queries = questions_per_port;
  set |= ARES_OPT_UDP_MAX_QUERIES;
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
  const Time due;
  Edns edns;
  std::optional<uint16_t> id;  // once it was sent
  std::list<Pending>::iterator self;
};

void AresUpstream::Handle::operator()(ares_channeldata* channel) const noexcept {
  ares_destroy(channel);
}

AresUpstream::AresUpstream(const Options& options, Sockets sockets)
    : sockets_(std::move(sockets)), total_(options.total), outstanding_(options.outstanding) {}

AresUpstream::~AresUpstream() {
  ending_ = true;
  channel_.reset();
}

bool AresUpstream::can_reach(const Server& server) {
  return server.zone.empty() || library_version() >= version_with_zones;
}

Result<std::unique_ptr<AresUpstream>> AresUpstream::create(const Options& options, Watcher watcher) {
  if (options.servers.empty())
    return fail(Exit::configuration, "there is no upstream DNS server; name one with --upstream");
  for (const Server& server : options.servers)
    if (!can_reach(server))
      return fail(Exit::configuration,
                  "the upstream server " + text(server) +
                      " is link-local, which this c-ares cannot reach; name another with "
                      "--upstream");
  auto sockets = TRY(Sockets::create(options.mark, watcher));
  std::unique_ptr<AresUpstream> upstream(new AresUpstream(options, std::move(sockets)));
  TRY(upstream->open(options));
  return upstream;
}

// Every option that c-ares would otherwise look for in resolv.conf or the environment is given here.
Result<> AresUpstream::open(const Options& ours) {
  static char only_dns[] = "b";
  static char no_resolv_conf[] = "/dev/null";
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  // A failure is passed on as it is where there is no other server to ask.
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
                  ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
                  set_what_newer_versions_know(options, ours);
  ares_channel channel = nullptr;
  if (const int status = ares_init_options(&channel, &options, set); status != ARES_SUCCESS)
    return std::unexpected(ares_error("cannot make a resolver", status));
  channel_.reset(channel);
  // c-ares 1.18 takes all of them or none.
  static constexpr ares_socket_functions functions{.asocket = on_open,
                                                   .aclose = on_close,
                                                   .aconnect = connect_socket,
                                                   .arecvfrom = receive_from,
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
  Pending& pending = pending_.emplace_back(*this, question, std::move(answered), steady_clock::now() + total_,
                                           Pending::Edns::used, std::nullopt, pending_.end());
  pending.self = std::prev(pending_.end());
  send(pending);
}

// c-ares 1.18 sends the id that is written here; later versions put a random one of their own in its place.
void AresUpstream::send(Pending& pending) {
  uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) return finish(pending, ARES_ENOMEM, {});
  std::array<uint8_t, dns::limits::udp_payload_min> query{};
  size_t size = dns::write_query(query, id, pending.question);
  if (pending.edns == Pending::Edns::left_out) {
    size -= dns::limits::opt_octets;
    query[dns::limits::header_octets - 1] = 0;
  }
  ares_send(channel_.get(), query.data(), static_cast<int>(size), on_answer, &pending);
}

// c-ares alone knows the id, and only what it sends tells it in all its versions. It stays the same while it
// tries again. What is asked last stands last.
void AresUpstream::note_id(std::span<const uint8_t> query) {
  const auto sent = dns::read_query(query);
  const auto* read = std::get_if<dns::Query>(&sent);
  if (read == nullptr) return;
  const auto pending = std::ranges::find_if(pending_.rbegin(), pending_.rend(), [read](const Pending& each) {
    return each.question.type == read->type && each.question.name == read->name;
  });
  if (pending != pending_.rend()) pending->id = read->envelope.id;
}

bool AresUpstream::is_asking(const dns::Question& question, uint16_t id) const {
  return std::ranges::any_of(pending_, [&](const Pending& each) {
    return each.id == id && each.question.type == question.type && each.question.name == question.name;
  });
}

// A question begins over UDP, and is one part of a message there.
ssize_t AresUpstream::on_send(int fd, const iovec* parts, int count, void* self) noexcept {
  if (count == 1)
    static_cast<AresUpstream*>(self)->note_id({static_cast<const uint8_t*>(parts->iov_base), parts->iov_len});
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

// A server older than EDNS gets the question without. c-ares 1.18 sees to that itself, but once a channel.
void AresUpstream::finish(Pending& pending, int status, std::span<const uint8_t> reply) {
  if (pending.answered && pending.edns == Pending::Edns::used && is_format_error_without_opt(reply)) {
    pending.edns = Pending::Edns::left_out;
    return send(pending);
  }
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

std::optional<AresUpstream::Time> AresUpstream::deadline() const {
  if (pending_.empty() && abandoned_.empty()) return std::nullopt;
  timeval room{};
  const timeval* next = ares_timeout(channel_.get(), nullptr, &room);
  std::optional<Time> retry;
  if (next != nullptr)
    retry = steady_clock::now() + std::chrono::seconds(next->tv_sec) +
            std::chrono::microseconds(next->tv_usec) + timer_grain;
  if (pending_.empty()) return retry;
  return retry ? std::min(*retry, pending_.front().due) : pending_.front().due;
}

void AresUpstream::process(int socket, uint32_t events) {
  const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
  const bool writable = (events & EPOLLOUT) != 0;
  ares_process_fd(channel_.get(), readable ? socket : ARES_SOCKET_BAD, writable ? socket : ARES_SOCKET_BAD);
}

void AresUpstream::process_due() {
  sockets_.end_closed();
  ares_process_fd(channel_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  give_up_overdue();
}

void AresUpstream::tidy() {
  sockets_.end_closed();
  if (pending_.empty()) sockets_.prepare();
}

void AresUpstream::give_up_overdue() {
  const Time now = steady_clock::now();
  while (!pending_.empty() && pending_.front().due <= now) {
    Pending& overdue = pending_.front();
    abandoned_.splice(abandoned_.end(), pending_, overdue.self);
    std::exchange(overdue.answered, nullptr)(std::unexpected(Unanswered::timed_out));
  }
}

// A socket that is to be watched no more is about to be closed.
void AresUpstream::on_socket_state(void* self, int fd, int readable, int writable) noexcept {
  const uint32_t events = (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
  if (events != 0) static_cast<AresUpstream*>(self)->sockets_.watch(fd, events);
}

int AresUpstream::on_open(int family, int type, int protocol, void* self) noexcept {
  return static_cast<AresUpstream*>(self)->sockets_.open(family, type, protocol);
}

int AresUpstream::on_close(int fd, void* self) noexcept {
  static_cast<AresUpstream*>(self)->sockets_.close(UniqueFd(fd));
  return 0;
}

}  // namespace ostiary::upstream
