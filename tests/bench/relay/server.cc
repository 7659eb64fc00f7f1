// A collector and an API, with a thread for each connection:
//   relay_server ADDRESS PORT RECORDS [CERTIFICATE KEY]
// It answers a POST to /v1/messages with server-sent events, of which each has the time at which it
// was sent, and any other POST with 200. RECORDS is a file that lasts if the server is killed: the
// number of records that came, the time of the last post, and from the second page on an octet
// for each record, which counts how often the record came.

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>

#include "transport.h"

namespace ostiary::bench {
namespace {

using namespace std::chrono_literals;

constexpr size_t first_page = 4096;
constexpr size_t max_records = size_t{1} << 20U;
constexpr int events = 20;
constexpr auto pause_between_events = 4ms;

struct Counts {
  std::atomic<uint64_t> records;
  std::atomic<uint64_t> last_ns;
};

class Records {
 public:
  explicit Records(const char* path) {
    const UniqueFd file(::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    constexpr size_t size = first_page + max_records;
    if (!file.valid() || ::ftruncate(file.get(), size) != 0) give_up(path);
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) give_up(path);
    counts_ = static_cast<Counts*>(memory);
    records_ =
        static_cast<std::atomic<uint8_t>*>(static_cast<void*>(static_cast<char*>(memory) + first_page));
  }

  void add(std::string_view body) {
    uint64_t came = 0;
    for (std::string_view rest = body;;) {
      const auto* const mark = static_cast<const char*>(
          ::memmem(rest.data(), rest.size(), record_mark.data(), record_mark.size()));
      if (mark == nullptr) break;
      rest.remove_prefix(static_cast<size_t>(mark - rest.data()) + record_mark.size());
      const auto number = number_in(rest.substr(0, record_digits));
      if (number && *number < max_records) ++records_[*number];
      ++came;
    }
    counts_->last_ns = now_ns();
    counts_->records += came;
  }

 private:
  Counts* counts_;
  std::atomic<uint8_t>* records_;
};

bool send_events(Connection& connection) {
  if (!connection.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"))
    return false;
  for (int i = 0; i < events; ++i) {
    if (i > 0) std::this_thread::sleep_for(pause_between_events);
    std::string event = R"(event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"sent-00000000000000000000"}}

)";
    put_digits(event.data() + event.find(sent_mark) + sent_mark.size(), sent_digits, now_ns());
    char length[16];
    std::snprintf(length, sizeof length, "%zx\r\n", event.size());
    const std::string_view end = i + 1 == events ? "\r\n0\r\n\r\n" : "\r\n";
    if (!connection.write(std::string(length).append(event).append(end))) return false;
  }
  return true;
}

void serve(Connection connection, Records& records) {
  while (true) {
    const std::string head = connection.read_head();
    if (head.empty()) return;
    const size_t length = content_length(head);
    if (!connection.read_body(length)) return;
    std::string& input = connection.input();
    const bool is_for_api = head.starts_with("POST /v1/messages");
    if (!is_for_api) records.add(std::string_view(input).substr(0, length));
    input.erase(0, length);
    if (!(is_for_api ? send_events(connection)
                     : connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
      return;
  }
}

Context context_of(const char* certificate, const char* key) {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_use_certificate_chain_file(context.get(), certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key, SSL_FILETYPE_PEM) != 1)
    give_up(certificate);
  return context;
}

Session accepted_session(SSL_CTX* context, int socket) {
  Session session(SSL_new(context));
  if (!session || SSL_set_fd(session.get(), socket) != 1 || SSL_accept(session.get()) != 1) return nullptr;
  return session;
}

[[noreturn]] void run(const sockaddr_in& address, Records& records, SSL_CTX* context) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0)
    give_up("the address cannot be used");
  while (true) {
    UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) continue;
    std::thread([&records, context, socket = std::move(socket)]() mutable {
      Session session = context != nullptr ? accepted_session(context, socket.get()) : nullptr;
      if (context == nullptr || session) serve({std::move(socket), std::move(session)}, records);
    }).detach();
  }
}

}  // namespace
}  // namespace ostiary::bench

int main(int count, char** arguments) {
  using namespace ostiary::bench;
  if (count != 4 && count != 6) give_up("usage: relay_server ADDRESS PORT RECORDS [CERTIFICATE KEY]");
  ::signal(SIGPIPE, SIG_IGN);
  const Context context = count == 6 ? context_of(arguments[4], arguments[5]) : nullptr;
  Records records(arguments[3]);
  run(address_of(arguments[1], arguments[2]), records, context.get());
}
