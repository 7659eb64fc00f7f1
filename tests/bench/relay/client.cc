// Sends posts of telemetry, or asks for streams of events, and prints the result as JSON:
//   relay_client posts ADDRESS PORT AUTHORITY CONNECTIONS COUNT FIRST MICROSECONDS
//   relay_client streams ADDRESS PORT AUTHORITY COUNT
// AUTHORITY is the file of the certificate that a server over TLS must have, or "-".
// A post has 100 KB of log records, whose numbers begin with FIRST times the records of a post. A
// connection waits for the answer, and then for MICROSECONDS. A post that is not answered with 200
// is sent again.

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ostiary/otlp/identity.h"
#include "ostiary/otlp/write.h"
#include "transport.h"

namespace ostiary::bench {
namespace {

using namespace std::chrono_literals;

constexpr size_t octets_of_a_post = 100'000;
constexpr auto pause_before_retry = 50ms;
constexpr auto patience = 20s;

// As Claude Code writes them.
otlp::LogRecord record(uint64_t number) {
  std::string id = std::string(record_mark) + std::string(record_digits, '0');
  return {.time = number,
          .observed_time = number,
          .severity = otlp::Severity::info,
          .event_name = "tool_result",
          .body = "claude_code.tool_result",
          .attributes = {{.key = "session.id", .value = std::string("0f8d2c6e-5b1a-4f7c-9e55-2c1d8f6a7b90")},
                         {.key = "event.name", .value = std::string("tool_result")},
                         {.key = "prompt.id", .value = std::move(id)},
                         {.key = "tool_name", .value = std::string("Bash")},
                         {.key = "success", .value = true},
                         {.key = "duration_ms", .value = int64_t{4711}}},
          .trace = std::string(16, '\x17'),
          .span = std::string(8, '\x2a')};
}

class Post {
 public:
  Post() {
    const otlp::Scope scope{.name = "com.anthropic.claude_code.events", .version = "2.1.0"};
    std::vector<otlp::LogRecord> records(1, record(1));
    const size_t one = otlp::logs_request(scope, records).size();
    records.resize(2, record(1));
    const size_t each = otlp::logs_request(scope, records).size() - one;
    records.resize(octets_of_a_post / each, record(1));
    const std::array attributes{otlp::Attribute{"service.name", "claude-code"},
                                otlp::Attribute{"host.name", "workstation"},
                                otlp::Attribute{"os.type", "linux"}};
    const auto body = otlp::Identity(attributes).applied_to(otlp::logs_request(scope, records));
    if (!body) give_up("the body is malformed");
    message_ =
        "POST /v1/logs HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Length: " +
        std::to_string(body->size()) + "\r\n\r\n" + *body;
    for (size_t at = 0; (at = message_.find(record_mark, at)) != std::string::npos;)
      numbers_.push_back(at += record_mark.size());
  }

  std::string_view with_number(uint64_t number) {
    for (uint64_t record = number * numbers_.size(); const size_t at : numbers_)
      put_digits(message_.data() + at, record_digits, record++);
    return message_;
  }
  size_t records() const { return numbers_.size(); }
  size_t octets() const { return message_.size(); }

 private:
  std::string message_;
  std::vector<size_t> numbers_;  // offsets
};

class Server {
 public:
  Server(const sockaddr_in& address, const char* authority) : address_(address) {
    if (std::string_view(authority) == "-") return;
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_ || SSL_CTX_load_verify_locations(context_.get(), authority, nullptr) != 1)
      give_up(authority);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  }

  std::optional<Connection> connect() const {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0)
      return std::nullopt;
    Session session(context_ ? SSL_new(context_.get()) : nullptr);
    if (session && (SSL_set_fd(session.get(), socket.get()) != 1 || SSL_connect(session.get()) != 1))
      return std::nullopt;
    return Connection(std::move(socket), std::move(session));
  }

 private:
  sockaddr_in address_;
  Context context_;
};

struct Result {
  std::vector<double> microseconds;
  size_t retries = 0;
};

void pause(std::chrono::microseconds length) {
  if (length > 0us) std::this_thread::sleep_for(length);
}

// Whether the answer is 200.
bool exchange(Connection& connection, std::string_view message) {
  if (!connection.write(message)) return false;
  const std::string head = connection.read_head();
  const size_t length = content_length(head);
  if (!head.starts_with("HTTP/1.1 200 ") || !connection.read_body(length)) return false;
  connection.input().erase(0, length);
  return true;
}

class Posts {
 public:
  Posts(const Server& server, uint64_t first, uint64_t count, std::chrono::microseconds gap)
      : server_(server), next_(first), end_(first + count), gap_(gap) {}

  // On one connection.
  Result send() {
    Result result;
    Post post;
    auto connection = server_.connect();
    for (uint64_t number = next_++; number < end_; number = next_++) {
      const std::string_view message = post.with_number(number);
      const uint64_t began = now_ns();
      const auto deadline = std::chrono::steady_clock::now() + patience;
      while (!connection || !exchange(*connection, message)) {
        if (std::chrono::steady_clock::now() > deadline) give_up("a post is not accepted");
        ++result.retries;
        pause(pause_before_retry);
        connection = server_.connect();
      }
      result.microseconds.push_back(static_cast<double>(now_ns() - began) / 1000);
      pause(gap_);
    }
    return result;
  }

 private:
  const Server& server_;
  std::atomic<uint64_t> next_;
  uint64_t end_;
  std::chrono::microseconds gap_;
};

void print(const char* name, const std::vector<double>& samples, const char* end) {
  std::printf("\"%s\": [", name);
  for (size_t i = 0; i < samples.size(); ++i) std::printf("%s%.1f", i == 0 ? "" : ", ", samples[i]);
  std::printf("]%s", end);
}

void send_posts(const Server& server, size_t connections, uint64_t count, uint64_t first,
                std::chrono::microseconds gap) {
  Posts posts(server, first, count, gap);
  std::vector<Result> results(connections);
  std::vector<std::thread> threads;
  const uint64_t began = now_ns();
  for (Result& each : results) threads.emplace_back([&] { each = posts.send(); });
  for (std::thread& each : threads) each.join();
  Result all;
  for (const Result& each : results) {
    all.microseconds.insert(all.microseconds.end(), each.microseconds.begin(), each.microseconds.end());
    all.retries += each.retries;
  }
  const Post post;
  std::printf(R"({"began_ns": %llu, "records": %zu, "octets": %zu, "retries": %zu, )",
              static_cast<unsigned long long>(began), post.records(), post.octets(), all.retries);
  print("microseconds", all.microseconds, "}\n");
}

// The first event counts from the start of the request, the others from when the server sent them.
void ask_for_streams(const Server& server, uint64_t count) {
  std::vector<double> first;
  std::vector<double> others;
  auto connection = server.connect();
  if (!connection) give_up("the server cannot be reached");
  const std::string body(4000, ' ');
  const std::string request =
      "POST /v1/messages HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t began = now_ns();
    bool is_first = true;
    if (!connection->write(request)) give_up("the server has closed the connection");
    if (!connection->read_head().starts_with("HTTP/1.1 200 ")) give_up("the server does not answer with 200");
    for (std::string& input = connection->input();;) {
      const uint64_t now = now_ns();
      for (size_t at = 0; (at = input.find(sent_mark)) != std::string::npos;) {
        at += sent_mark.size();
        if (input.size() < at + sent_digits) break;
        const uint64_t sent = needed_number(std::string_view(input).substr(at, sent_digits));
        (is_first ? first : others).push_back(static_cast<double>(now - (is_first ? began : sent)) / 1000);
        is_first = false;
        input.erase(0, at + sent_digits);
      }
      if (input.ends_with("\r\n0\r\n\r\n")) {
        input.clear();
        break;
      }
      if (!connection->read_more()) give_up("the server has closed the connection");
    }
  }
  std::printf("{");
  print("first", first, ", ");
  print("others", others, "}\n");
}

}  // namespace
}  // namespace ostiary::bench

int main(int count, char** arguments) {
  using namespace ostiary::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const std::string_view what = count > 1 ? arguments[1] : "";
  const bool is_posts = what == "posts" && count == 9;
  if (!is_posts && (what != "streams" || count != 6))
    give_up("usage: relay_client posts|streams ADDRESS PORT AUTHORITY …");
  const Server server(address_of(arguments[2], arguments[3]), arguments[4]);
  if (is_posts)
    send_posts(server, needed_number(arguments[5]), needed_number(arguments[6]), needed_number(arguments[7]),
               std::chrono::microseconds(needed_number(arguments[8])));
  else
    ask_for_streams(server, needed_number(arguments[5]));
}
