#include "relay/grpc_conversation.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <sys/epoll.h>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "ostiary/otlp/grpc.h"

namespace ostiary::relay {

namespace limits {
// Of all fields of one answer, as HTTP/2 counts them: 32 octets for each besides its text.
constexpr size_t answer_header_octets = 32768;
constexpr size_t field_overhead = 32;
constexpr size_t header_octets_sent = 65536;
// Answers to SETTINGS and PING that wait for the socket.
constexpr size_t waiting_acknowledgements = 64;
constexpr size_t entries_of_settings = 32;
// With the nine octets of a frame's head it fits into one record of TLS.
constexpr size_t data_of_a_frame = 16384 - 9;
}  // namespace limits

namespace {

// ---- memory that is wiped before it is freed. Without memory the process ends, as elsewhere.

struct alignas(std::max_align_t) BlockHead {
  size_t size;
};

void* allocate(size_t size, void*) noexcept {
  return new (::operator new(sizeof(BlockHead) + size)) BlockHead{size} + 1;
}

void release(void* memory, void*) noexcept {
  if (memory == nullptr) return;
  BlockHead* const block = static_cast<BlockHead*>(memory) - 1;
  explicit_bzero(memory, block->size);
  ::operator delete(block);
}

void* allocate_zeros(size_t count, size_t size, void* user) noexcept {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  return std::memset(allocate(count * size, user), 0, count * size);
}

void* reallocate(void* memory, size_t size, void* user) noexcept {
  void* const moved = allocate(size, user);
  if (memory == nullptr) return moved;
  std::memcpy(moved, memory, std::min(size, (static_cast<BlockHead*>(memory) - 1)->size));
  release(memory, user);
  return moved;
}

nghttp2_mem wiped_memory() {
  return {.mem_user_data = nullptr,
          .malloc = allocate,
          .free = release,
          .calloc = allocate_zeros,
          .realloc = reallocate};
}

// ----

using Options = std::unique_ptr<nghttp2_option, CDelete<nghttp2_option_del>>;
using Table = std::unique_ptr<nghttp2_session_callbacks, CDelete<nghttp2_session_callbacks_del>>;

// `name` and `value` outlive the call. No table of the connection gets the field.
nghttp2_nv field(std::string_view name, std::string_view value) {
  // The library does not change them.
  const auto octets = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {.name = octets(name),
          .value = octets(value),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | NGHTTP2_NV_FLAG_NO_INDEX};
}

std::string_view path_of(telemetry::Signal signal) {
  switch (signal) {
    case telemetry::Signal::traces:
      return "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    case telemetry::Signal::metrics:
      return "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    case telemetry::Signal::logs:
      break;
  }
  return "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
}

std::string_view text_of(const uint8_t* octets, size_t size) {
  return {reinterpret_cast<const char*>(octets), size};
}

// Calls `visit` with the name and the value of each line.
template <typename Visit>
void for_each_line(std::string_view lines, Visit visit) {
  while (!lines.empty()) {
    std::string_view line = take_until(lines, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string_view name = take_until(line, ':');
    visit(name, trim(line));
  }
}

// The status message is percent-encoded. One that is not is shown as it is.
std::string read_message(std::string_view message) {
  if (!is_percent_encoded(message)) return one_line(message);
  std::string decoded;
  append_percent_decoded(decoded, message);
  return one_line(decoded);
}

}  // namespace

// What the library calls.
struct GrpcConversation::Callbacks {
  static GrpcConversation& of(void* user) noexcept { return *static_cast<GrpcConversation*>(user); }
  static Exchange* exchange(void* user, int32_t stream) noexcept {
    Exchange* const exchange = of(user).exchange_.get();
    return exchange != nullptr && exchange->stream == stream ? exchange : nullptr;
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) noexcept {
    if (head->type != NGHTTP2_PUSH_PROMISE) return 0;
    of(user).fault_ = "it pushes a response";
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) noexcept {
    Exchange* const exchange = Callbacks::exchange(user, frame->hd.stream_id);
    if (exchange == nullptr) return 0;
    exchange->header_octets += name_size + value_size + limits::field_overhead;
    if (exchange->header_octets > limits::answer_header_octets) {
      of(user).fault_ = "its header is too long";
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    of(user).take_field(text_of(name, name_size), text_of(value, value_size));
    return 0;
  }

  static int on_data(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* octets, size_t size,
                     void* user) noexcept {
    if (Exchange* const exchange = Callbacks::exchange(user, stream))
      exchange->body += text_of(octets, size).substr(0, limits::answer_octets_kept - exchange->body.size());
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    Exchange* const exchange = Callbacks::exchange(user, frame->hd.stream_id);
    const bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (exchange != nullptr && may_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
      exchange->has_ended = true;
    return 0;
  }

  static int on_close(nghttp2_session*, int32_t stream, uint32_t error, void* user) noexcept {
    if (Exchange* const exchange = Callbacks::exchange(user, stream)) {
      exchange->has_ended = true;
      exchange->error = error;
    }
    return 0;
  }

  static ssize_t give_body(nghttp2_session*, int32_t stream, uint8_t* room, size_t size, uint32_t* flags,
                           nghttp2_data_source*, void* user) noexcept {
    Exchange* const exchange = Callbacks::exchange(user, stream);
    if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t given = of(user).give_body(reinterpret_cast<char*>(room), size);
    if (exchange->sent == exchange->prefix.size() + exchange->post.body.size())
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(given);
  }

  static int on_fault(nghttp2_session*, int, const char* message, size_t size, void* user) noexcept {
    of(user).fault_ = one_line({message, size});
    return 0;
  }
};

GrpcConversation::GrpcConversation(ServerStream stream, const Collector& collector)
    : stream_(std::move(stream)), collector_(collector) {
  for_each_line(collector_.header_lines.reveal(), [this](std::string_view name, std::string_view) {
    metadata_names_.push_back(to_lower(name));
  });
}

Result<std::unique_ptr<Conversation>> GrpcConversation::open(ServerStream stream,
                                                             const Collector& collector) {
  std::unique_ptr<GrpcConversation> made(new GrpcConversation(std::move(stream), collector));
  TRY(made->start());
  return made;
}

std::unexpected<Error> GrpcConversation::failure(int error) const {
  return fail(Exit::unavailable,
              "the collector's answer: " + (fault_.empty() ? nghttp2_strerror(error) : fault_));
}

Result<> GrpcConversation::start() {
  nghttp2_option* new_options = nullptr;
  nghttp2_session_callbacks* new_table = nullptr;
  if (nghttp2_option_new(&new_options) != 0) return failure(NGHTTP2_ERR_NOMEM);
  const Options options(new_options);
  if (nghttp2_session_callbacks_new(&new_table) != 0) return failure(NGHTTP2_ERR_NOMEM);
  const Table table(new_table);

  nghttp2_option_set_max_outbound_ack(options.get(), limits::waiting_acknowledgements);
  nghttp2_option_set_max_settings(options.get(), limits::entries_of_settings);
  nghttp2_option_set_max_send_header_block_length(options.get(), limits::header_octets_sent);
  nghttp2_option_set_max_deflate_dynamic_table_size(options.get(), 0);

  nghttp2_session_callbacks_set_on_begin_frame_callback(table.get(), Callbacks::on_begin_frame);
  nghttp2_session_callbacks_set_on_header_callback(table.get(), Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table.get(), Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(table.get(), Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(table.get(), Callbacks::on_close);
  nghttp2_session_callbacks_set_error_callback2(table.get(), Callbacks::on_fault);

  nghttp2_session* session = nullptr;
  nghttp2_mem memory = wiped_memory();
  if (const int error = nghttp2_session_client_new3(&session, table.get(), this, options.get(), &memory);
      error != 0)
    return failure(error);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{.settings_id = NGHTTP2_SETTINGS_ENABLE_PUSH, .value = 0},
       {.settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, .value = limits::answer_header_octets}}};
  if (const int error = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
      error != 0)
    return failure(error);
  return {};
}

std::vector<nghttp2_nv> GrpcConversation::fields_of(const Post& post) const {
  std::vector<nghttp2_nv> fields{field(":method", "POST"),
                                 field(":scheme", collector_.is_tls ? "https" : "http"),
                                 field(":path", path_of(post.signal)),
                                 field(":authority", collector_.authority),
                                 field("te", "trailers"),
                                 field("content-type", "application/grpc")};
  if (is_gzip(post.body)) fields.push_back(field("grpc-encoding", "gzip"));
  auto name = metadata_names_.begin();
  for_each_line(collector_.header_lines.reveal(),
                [&](std::string_view, std::string_view value) { fields.push_back(field(*name++, value)); });
  return fields;
}

Result<> GrpcConversation::send(const Post& post) {
  const auto compression = is_gzip(post.body) ? otlp::Compression::applied : otlp::Compression::none;
  fault_.clear();
  exchange_ = std::make_unique<Exchange>(
      post, otlp::grpc_prefix(compression, static_cast<uint32_t>(post.body.size())));
  const std::vector<nghttp2_nv> fields = fields_of(post);
  const nghttp2_data_provider body{.source = {}, .read_callback = Callbacks::give_body};
  exchange_->stream =
      nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), &body, nullptr);
  if (exchange_->stream < 0) return failure(exchange_->stream);
  return {};
}

size_t GrpcConversation::give_body(char* room, size_t size) {
  Exchange& exchange = *exchange_;
  const std::string_view prefix(exchange.prefix.data(), exchange.prefix.size());
  size_t given = 0;
  size = std::min(size, limits::data_of_a_frame);
  if (exchange.sent < prefix.size()) given = prefix.substr(exchange.sent).copy(room, size);
  const size_t body_sent = exchange.sent + given - prefix.size();
  if (exchange.sent + given >= prefix.size())
    given += std::string_view(exchange.post.body).substr(body_sent).copy(room + given, size - given);
  exchange.sent += given;
  return given;
}

void GrpcConversation::take_field(std::string_view name, std::string_view value) {
  if (name == ":status") exchange_->http_status = parse_number<uint16_t>(value).value_or(0);
  if (name == "grpc-status") exchange_->status = value;
  if (name == "grpc-message") exchange_->message = value;
  if (name == "grpc-status-details-bin") exchange_->details = value;
}

bool GrpcConversation::can_go_on() const {
  return !is_spoiled_ && nghttp2_session_check_request_allowed(session_.get()) != 0;
}

Result<Conversation::Progress> GrpcConversation::advance() {
  Result<uint32_t> sent = flush();
  // A server that refuses a call may close before it has read all of it.
  const Result<uint32_t> received = receive();
  if (sent && received) sent = flush();
  const uint32_t awaits = sent.value_or(0) | received.value_or(EPOLLIN);
  if (exchange_ && exchange_->has_ended) {
    is_spoiled_ |= !sent || !received;
    return Progress{.awaits = awaits, .answer = TRY(finish())};
  }
  // A server that is at fault may have closed as well.
  if ((!received || !sent) && !fault_.empty()) return failure(NGHTTP2_ERR_PROTO);
  if (!received) return std::unexpected(received.error());
  if (!sent) return std::unexpected(sent.error());
  if (nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0)
    return failure(NGHTTP2_ERR_SESSION_CLOSING);
  return Progress{.awaits = awaits};
}

// What the socket must be ready for; 0 if nothing is left to send.
Result<uint32_t> GrpcConversation::flush() {
  while (true) {
    if (unsent_.empty()) {
      const uint8_t* octets = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_.get(), &octets);
      if (size < 0) return failure(static_cast<int>(size));
      if (size == 0) return 0;
      unsent_ = text_of(octets, static_cast<size_t>(size));
    }
    const auto moved = TRY(stream_.write(unsent_));
    if (moved.awaits) return epoll_events(*moved.awaits);
    if (moved.octets == 0) return fail(Exit::unavailable, "the collector closed the connection");
    unsent_.remove_prefix(moved.octets);
  }
}

Result<uint32_t> GrpcConversation::receive() {
  std::array<char, limits::octets_of_a_read> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (int reads = 0; reads < limits::reads_in_a_turn; ++reads) {
    const auto moved = TRY(stream_.read(room));
    if (moved.awaits) return epoll_events(*moved.awaits);
    if (moved.octets == 0) return fail(Exit::unavailable, "the collector closed the connection");
    const ssize_t taken =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const uint8_t*>(room.data()), moved.octets);
    if (taken < 0) return failure(static_cast<int>(taken));
  }
  return EPOLLIN;
}

Result<Answer> GrpcConversation::finish() {
  const std::unique_ptr<Exchange> done = std::move(exchange_);
  is_spoiled_ |= done->sent < done->prefix.size() + done->post.body.size();
  const auto status = otlp::grpc_status(done->status, done->details);
  if (status && status->outcome == otlp::Outcome::delivered)
    return delivery(otlp::grpc_message(done->body).value_or(""));
  std::string why = "the collector answers ";
  if (status) {
    why += status->name;
    const std::string said = read_message(done->message);
    if (!said.empty()) why += ": " + said;
    return Answer{.outcome = status->outcome,
                  .why = why,
                  .retry_after = status->retry_after,
                  .code = std::string(status->name),
                  .said = said};
  }
  if (done->error != NGHTTP2_NO_ERROR)
    return fail(Exit::unavailable,
                "the collector ends the call: " + std::string(nghttp2_http2_strerror(done->error)));
  const otlp::Outcome outcome = otlp::outcome_of(done->http_status);
  if (done->http_status != 0 && outcome != otlp::Outcome::delivered)
    return Answer{.outcome = outcome,
                  .why = why + std::to_string(done->http_status),
                  .code = std::to_string(done->http_status)};
  return fail(Exit::unavailable, "the collector's answer has no grpc-status");
}

}  // namespace ostiary::relay
