#include "ostiary/link/relay_setup.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "ostiary/base/record.h"
#include "ostiary/base/replace_file.h"

namespace ostiary::relay {
namespace {

using telemetry::Compression;
using telemetry::Protocol;
using telemetry::Signal;
using telemetry::Temporality;

constexpr std::array every_scheme{inet::Scheme::http, inet::Scheme::https};
constexpr std::array every_protocol{Protocol::http_protobuf, Protocol::http_json, Protocol::grpc};
constexpr std::array every_signal{Signal::traces, Signal::metrics, Signal::logs};
constexpr std::array every_compression{Compression::none, Compression::gzip};
constexpr std::array every_match{AllowedRequests::Match::exact, AllowedRequests::Match::with_paths_below};

constexpr std::array every_temporality{Temporality::unstated, Temporality::delta, Temporality::cumulative};
constexpr std::array every_after_body{AfterBody::closed, AfterBody::kept_on_success};
constexpr std::array every_error_form{ErrorForm::text, ErrorForm::anthropic};
constexpr std::array every_choice_of_events{OwnEvents::left_out, OwnEvents::sent};

constexpr size_t pipe_octets = 65536;  // the kernel's standard

uint32_t count(const auto& items) {
  return static_cast<uint32_t>(items.size());
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Exit::unavailable, "the relay's " + std::string(what) + " are malformed");
}

void write(RecordWriter& out, const ServerAddress& server) {
  out.enumerator(server.scheme).text(inet::text(server.destination.host)).number(server.destination.port);
}

Result<ServerAddress> read_server(RecordReader& in) {
  const auto scheme = in.enumerator(every_scheme);
  const std::string host = in.text();
  const uint32_t port = in.number();
  if (in.failed() || port > UINT16_MAX) return malformed("settings");
  return ServerAddress{
      .scheme = scheme,
      .destination = {.host = TRY(inet::parse_host(host)), .port = static_cast<uint16_t>(port)}};
}

void write(RecordWriter& out, const CollectorSetup& collector) {
  write(out, collector.server);
  out.text(collector.authority)
      .enumerator(collector.protocol)
      .enumerator(collector.compression)
      .number(count(collector.paths));
  for (const auto& [signal, path] : collector.paths) out.enumerator(signal).text(path);
}

Result<CollectorSetup> read_collector(RecordReader& in) {
  CollectorSetup collector{.server = TRY(read_server(in)),
                           .authority = in.text(),
                           .protocol = in.enumerator(every_protocol),
                           .compression = in.enumerator(every_compression)};
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) {
    const Signal signal = in.enumerator(every_signal);
    collector.paths[signal] = in.text();
  }
  return collector;
}

void write(RecordWriter& out, const std::vector<std::string>& texts) {
  out.number(count(texts));
  for (const std::string& each : texts) out.text(each);
}

std::vector<std::string> read_texts(RecordReader& in) {
  std::vector<std::string> texts;
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) texts.push_back(in.text());
  return texts;
}

void write(RecordWriter& out, const telemetry::TlsFiles& files) {
  out.text(files.authorities).text(files.more_authorities);
  out.text(files.client_certificate).text(files.client_key);
}

telemetry::TlsFiles read_tls_files(RecordReader& in) {
  telemetry::TlsFiles files;
  files.authorities = in.text();
  files.more_authorities = in.text();
  files.client_certificate = in.text();
  files.client_key = in.text();
  return files;
}

void write(RecordWriter& out, const ForwardSetup& forward) {
  write(out, forward.server);
  out.text(forward.name).number(forward.port).text(forward.authority).text(forward.base_path);
  write(out, forward.replaced);
  write(out, forward.passing);
  write(out, forward.tls_files);
  out.enumerator(forward.errors).enumerator(forward.after_body).number(count(forward.allowed));
  for (const AllowedRequests& each : forward.allowed) {
    write(out, each.methods);
    out.text(each.path).enumerator(each.match);
  }
}

Result<ForwardSetup> read_forward(RecordReader& in) {
  ForwardSetup forward{.name = {}, .server = TRY(read_server(in)), .authority = {}};
  forward.name = in.text();
  forward.port = static_cast<uint16_t>(std::min<uint32_t>(in.number(), UINT16_MAX));
  forward.authority = in.text();
  forward.base_path = in.text();
  forward.replaced = read_texts(in);
  forward.passing = read_texts(in);
  forward.tls_files = read_tls_files(in);
  forward.errors = in.enumerator(every_error_form);
  forward.after_body = in.enumerator(every_after_body);
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) {
    AllowedRequests allowed{.methods = read_texts(in), .path = in.text()};
    allowed.match = in.enumerator(every_match);
    forward.allowed.push_back(std::move(allowed));
  }
  return forward;
}

}  // namespace

std::string render_setup(const Setup& setup) {
  RecordWriter out;
  out.number(count(setup.collectors));
  for (const CollectorSetup& each : setup.collectors) write(out, each);
  out.number(count(setup.attributes));
  for (const auto& [name, value] : setup.attributes) out.text(name).text(value);
  write(out, setup.tls_files);
  out.number(count(setup.forwards));
  for (const ForwardSetup& each : setup.forwards) write(out, each);
  return out.number(static_cast<uint32_t>(setup.spool_octets))
      .enumerator(setup.own_events)
      .enumerator(setup.temporality)
      .take();
}

Result<Setup> parse_setup(std::string_view octets) {
  RecordReader in(octets);
  Setup setup;
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left)
    setup.collectors.push_back(TRY(read_collector(in)));
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) {
    std::string name = in.text();
    setup.attributes.push_back({.name = std::move(name), .value = in.text()});
  }
  setup.tls_files = read_tls_files(in);
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left)
    setup.forwards.push_back(TRY(read_forward(in)));
  setup.spool_octets = in.number();
  setup.own_events = in.enumerator(every_choice_of_events);
  setup.temporality = in.enumerator(every_temporality);
  if (!in.complete()) return malformed("settings");
  return setup;
}

Result<UniqueFd> credentials_pipe(const Credentials& credentials) {
  size_t size = sizeof(uint32_t);
  for (const Secret& each : credentials) size += sizeof(uint32_t) + each.reveal().size();
  RecordWriter out;
  out.reserve(size).number(count(credentials));
  for (const Secret& each : credentials) out.text(each.reveal());
  const Secret octets(out.take());
  if (octets.reveal().size() > pipe_octets)
    return fail(Exit::configuration,
                "the relay's headers are longer than " + std::to_string(pipe_octets) + " octets together");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(Error::system("pipe", Exit::unavailable));
  UniqueFd read(ends[0]);
  const UniqueFd write(ends[1]);
  // A pipe that is smaller would block the keeper, which alone could read it.
  if (::fcntl(write.get(), F_GETPIPE_SZ) < static_cast<int>(octets.reveal().size()))
    return fail(Exit::unavailable,
                "the user's limit of memory for pipes is reached (fs.pipe-user-pages-soft)");
  TRY(write_all(write, octets.reveal(), "the credentials' pipe", Exit::unavailable));
  return read;
}

Result<Credentials> read_credentials(UniqueFd pipe) {
  std::string octets(pipe_octets, '\0');
  size_t size = 0;
  while (size < octets.size()) {
    const ssize_t got = ::read(pipe.get(), octets.data() + size, octets.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(Error::system("the credentials' pipe", Exit::unavailable));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  const Secret whole(std::move(octets));
  RecordReader in(whole.reveal().substr(0, size));
  Credentials credentials;
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) credentials.emplace_back(in.text());
  if (!in.complete()) return malformed("credentials");
  return credentials;
}

}  // namespace ostiary::relay
