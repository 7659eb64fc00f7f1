#include "ostiary/link/relay_setup.h"

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

constexpr std::array every_scheme{inet::Scheme::http, inet::Scheme::https};
constexpr std::array every_protocol{Protocol::http_protobuf, Protocol::http_json, Protocol::grpc};
constexpr std::array every_signal{Signal::traces, Signal::metrics, Signal::logs};
constexpr std::array every_compression{Compression::none, Compression::gzip};

constexpr std::array every_choice_of_events{OwnEvents::left_out, OwnEvents::sent};

constexpr size_t pipe_octets = 65536;  // the kernel's standard

uint32_t count(const auto& items) {
  return static_cast<uint32_t>(items.size());
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Exit::unavailable, "the relay's " + std::string(what) + " are malformed");
}

void write(RecordWriter& out, const CollectorSetup& collector) {
  out.enumerator(collector.server.scheme)
      .text(inet::text(collector.server.destination.host))
      .number(collector.server.destination.port)
      .text(collector.authority)
      .enumerator(collector.protocol)
      .enumerator(collector.compression)
      .number(count(collector.paths));
  for (const auto& [signal, path] : collector.paths) out.enumerator(signal).text(path);
}

Result<CollectorSetup> read_collector(RecordReader& in) {
  const auto scheme = in.enumerator(every_scheme);
  const std::string host = in.text();
  const uint32_t port = in.number();
  if (in.failed() || port > UINT16_MAX) return malformed("settings");
  CollectorSetup collector{
      .server = {.scheme = scheme,
                 .destination = {.host = TRY(inet::parse_host(host)), .port = static_cast<uint16_t>(port)}},
      .authority = in.text(),
      .protocol = in.enumerator(every_protocol),
      .compression = in.enumerator(every_compression)};
  for (uint32_t left = in.number(); left > 0 && !in.failed(); --left) {
    const Signal signal = in.enumerator(every_signal);
    collector.paths[signal] = in.text();
  }
  return collector;
}

}  // namespace

std::string render_setup(const Setup& setup) {
  RecordWriter out;
  out.number(count(setup.collectors));
  for (const CollectorSetup& each : setup.collectors) write(out, each);
  out.number(count(setup.attributes));
  for (const auto& [name, value] : setup.attributes) out.text(name).text(value);
  out.text(setup.tls_files.authorities).text(setup.tls_files.more_authorities);
  out.text(setup.tls_files.client_certificate).text(setup.tls_files.client_key);
  return out.number(static_cast<uint32_t>(setup.spool_octets)).enumerator(setup.own_events).take();
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
  setup.tls_files.authorities = in.text();
  setup.tls_files.more_authorities = in.text();
  setup.tls_files.client_certificate = in.text();
  setup.tls_files.client_key = in.text();
  setup.spool_octets = in.number();
  setup.own_events = in.enumerator(every_choice_of_events);
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
                "telemetry's headers are longer than " + std::to_string(pipe_octets) + " octets together");
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
