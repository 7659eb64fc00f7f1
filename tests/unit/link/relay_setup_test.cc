#include "ostiary/link/relay_setup.h"

#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "freed_memory.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::relay;
using telemetry::Compression;
using telemetry::Protocol;
using telemetry::Signal;

namespace {

Setup made_up() {
  return {
      .collectors = {{.server = {.scheme = inet::Scheme::https,
                                 .destination = {.host = inet::parse_host("c.example").value(), .port = 443}},
                      .authority = "c.example",
                      .protocol = Protocol::http_json,
                      .compression = Compression::gzip,
                      .paths = {{Signal::traces, "/otlp/v1/traces"}, {Signal::logs, "/"}}},
                     {.server = {.scheme = inet::Scheme::http,
                                 .destination = {.host = inet::parse_host("2001:db8::1").value(),
                                                 .port = 4317}},
                      .authority = "[2001:db8::1]:4317",
                      .protocol = Protocol::grpc,
                      .compression = Compression::none,
                      .paths = {{Signal::metrics, "/v1/metrics"}}}},
      .attributes = {{.name = "service.name", .value = "a=b,c"}, {.name = "empty", .value = ""}},
      .tls_files = {.authorities = "/a",
                    .more_authorities = "/m",
                    .client_certificate = "/c",
                    .client_key = "/k"},
      .forwards = {{.name = "an API",
                    .port = 15355,
                    .server = {.scheme = inet::Scheme::https,
                               .destination = {.host = inet::parse_host("api.example").value(), .port = 443}},
                    .authority = "api.example",
                    .base_path = "/base",
                    .replaced = {"x-api-key", "authorization"},
                    .passing = {"x-app", "anthropic-"},
                    .allowed = {{.methods = {"GET", "HEAD"}, .path = "/a"},
                                {.methods = {"POST"},
                                 .path = "/b",
                                 .match = AllowedRequests::Match::with_paths_below}},
                    .tls_files = {.authorities = "/f", .client_key = "/g"},
                    .errors = ErrorForm::anthropic},
                   {.name = "registry",
                    .port = 15356,
                    .server = {.scheme = inet::Scheme::http,
                               .destination = {.host = inet::parse_host("r.example").value(), .port = 80}},
                    .authority = "r.example"}},
      .spool_octets = limits::spool_octets,
      .own_events = OwnEvents::sent,
      .temporality = telemetry::Temporality::cumulative};
}

Credentials credentials_of(std::initializer_list<std::string_view> texts) {
  Credentials credentials;
  for (const std::string_view text : texts) credentials.emplace_back(std::string(text));
  return credentials;
}

// A pipe in which a process has written this.
UniqueFd pipe_with(std::string_view octets) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::write(ends[1], octets.data(), octets.size()) == static_cast<ssize_t>(octets.size()));
  ::close(ends[1]);
  return UniqueFd(ends[0]);
}

std::string octets_of(const UniqueFd& pipe) {
  std::string octets(70000, '\0');
  const ssize_t got = ::read(pipe.get(), octets.data(), octets.size());
  REQUIRE(got >= 0);
  octets.resize(static_cast<size_t>(got));
  return octets;
}

}  // namespace

TEST_SUITE("link/relay_setup") {
  TEST_CASE("a setup is read as it was written") {
    const auto setup = parse_setup(render_setup(made_up()));
    REQUIRE_MESSAGE(setup, error_of(setup));
    REQUIRE(setup->collectors.size() == 2);
    const CollectorSetup& first = setup->collectors[0];
    CHECK(first.server.scheme == inet::Scheme::https);
    CHECK(inet::text(first.server.destination) == "c.example:443");
    CHECK(first.authority == "c.example");
    CHECK(first.protocol == Protocol::http_json);
    CHECK(first.compression == Compression::gzip);
    CHECK(first.paths ==
          std::map<Signal, std::string>{{Signal::traces, "/otlp/v1/traces"}, {Signal::logs, "/"}});
    const CollectorSetup& second = setup->collectors[1];
    CHECK(second.server.scheme == inet::Scheme::http);
    CHECK(inet::text(second.server.destination) == "[2001:db8::1]:4317");
    CHECK(second.authority == "[2001:db8::1]:4317");
    CHECK(second.protocol == Protocol::grpc);
    CHECK(second.compression == Compression::none);
    CHECK(second.paths.at(Signal::metrics) == "/v1/metrics");
    REQUIRE(setup->attributes.size() == 2);
    CHECK(setup->attributes[0].name == "service.name");
    CHECK(setup->attributes[0].value == "a=b,c");
    CHECK(setup->attributes[1].name == "empty");
    CHECK(setup->attributes[1].value.empty());
    CHECK(setup->tls_files.authorities == "/a");
    CHECK(setup->tls_files.more_authorities == "/m");
    CHECK(setup->tls_files.client_certificate == "/c");
    CHECK(setup->tls_files.client_key == "/k");
    CHECK(setup->spool_octets == limits::spool_octets);
    REQUIRE(setup->forwards.size() == 2);
    const ForwardSetup& forward = setup->forwards[0];
    CHECK(forward.name == "an API");
    CHECK(forward.port == 15355);
    CHECK(forward.server.scheme == inet::Scheme::https);
    CHECK(inet::text(forward.server.destination) == "api.example:443");
    CHECK(forward.authority == "api.example");
    CHECK(forward.base_path == "/base");
    CHECK(forward.replaced == std::vector<std::string>{"x-api-key", "authorization"});
    REQUIRE(forward.allowed.size() == 2);
    CHECK(forward.allowed[0].methods == std::vector<std::string>{"GET", "HEAD"});
    CHECK(forward.allowed[0].path == "/a");
    CHECK(forward.allowed[0].match == AllowedRequests::Match::exact);
    CHECK(forward.allowed[1].match == AllowedRequests::Match::with_paths_below);
    CHECK(forward.passing == std::vector<std::string>{"x-app", "anthropic-"});
    CHECK(forward.tls_files == telemetry::TlsFiles{.authorities = "/f", .client_key = "/g"});
    CHECK(forward.errors == ErrorForm::anthropic);
    CHECK(setup->forwards[1].port == 15356);
    CHECK(setup->forwards[1].tls_files == telemetry::TlsFiles{});
    CHECK(setup->forwards[1].errors == ErrorForm::text);
    CHECK(setup->own_events == OwnEvents::sent);
    CHECK(setup->temporality == telemetry::Temporality::cumulative);
    CHECK(parse_setup(render_setup({})));
  }

  TEST_CASE("a setup that is cut, has octets left over or makes no sense is malformed") {
    const std::string good = render_setup(made_up());
    for (size_t size = 0; size < good.size(); ++size) {
      const auto cut = parse_setup(good.substr(0, size));
      CAPTURE(size);
      CHECK_FALSE(cut);
      CHECK(status_of(cut) != 0);
    }
    CHECK(error_of(parse_setup(good + "x")) == "the relay's settings are malformed");
    CHECK_FALSE(parse_setup(std::string(64, '\xff')));
  }

  TEST_CASE("an octet that names no scheme, protocol, compression or signal is malformed") {
    Setup setup = made_up();
    setup.collectors.pop_back();
    const std::string good = render_setup(setup);
    REQUIRE(parse_setup(good));
    const size_t scheme = 4, protocol = good.find("c.example", 20) + 9;
    for (const size_t place : {scheme, protocol, protocol + 1, protocol + 2 + 4}) {
      std::string octets = good;
      octets[place] = 9;
      CAPTURE(place);
      CHECK(error_of(parse_setup(octets)) == "the relay's settings are malformed");
    }
  }

  TEST_CASE("a server is a host and a port of 16 bits") {
    Setup setup = made_up();
    setup.collectors.pop_back();
    std::string octets = render_setup(setup);
    octets.replace(octets.find("c.example"), 9, "c example");
    CHECK_FALSE(parse_setup(octets));
    octets = render_setup(setup);
    const size_t port = octets.find("c.example") + 9;
    REQUIRE(octets.substr(port, 4).contains('\xbb'));
    octets.replace(port, 4, std::string(4, '\x01'));
    CHECK(error_of(parse_setup(octets)) == "the relay's settings are malformed");
  }

  TEST_CASE("credentials are read from the pipe as they were written") {
    const auto read = [](const Credentials& written) {
      auto pipe = credentials_pipe(written);
      REQUIRE_MESSAGE(pipe, error_of(pipe));
      auto credentials = read_credentials(*std::move(pipe));
      REQUIRE_MESSAGE(credentials, error_of(credentials));
      return *std::move(credentials);
    };
    CHECK(read({}).empty());
    const auto credentials = read(credentials_of({"Authorization: Basic YTo=\r\n", "", "x: y\r\nz: \r\n"}));
    REQUIRE(credentials.size() == 3);
    CHECK(credentials[0].reveal() == "Authorization: Basic YTo=\r\n");
    CHECK(credentials[1].empty());
    CHECK(credentials[2].reveal() == "x: y\r\nz: \r\n");
  }

  TEST_CASE("credentials up to the size of a pipe fit, and longer ones are an error that shows none") {
    constexpr size_t most = 65536 - 2 * sizeof(uint32_t);
    const std::string longest(most, 'h');
    auto pipe = credentials_pipe(credentials_of({longest}));
    REQUIRE_MESSAGE(pipe, error_of(pipe));
    const auto credentials = read_credentials(*std::move(pipe));
    REQUIRE_MESSAGE(credentials, error_of(credentials));
    CHECK(credentials->at(0).reveal() == longest);
    const auto refused = credentials_pipe(credentials_of({longest + "h"}));
    CHECK(error_of(refused) == "the relay's headers are longer than 65536 octets together");
    CHECK(status_of(refused) == 78);
  }

  TEST_CASE("credentials that are cut or have octets left over are malformed") {
    auto pipe = credentials_pipe(credentials_of({"x: y\r\n", "z"}));
    REQUIRE(pipe);
    const std::string good = octets_of(*pipe);
    REQUIRE(read_credentials(pipe_with(good)));
    for (size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      const auto cut = read_credentials(pipe_with(good.substr(0, size)));
      CHECK(error_of(cut) == "the relay's credentials are malformed");
    }
    CHECK_FALSE(read_credentials(pipe_with(good + "x")));
    CHECK(status_of(read_credentials(UniqueFd())) == 69);
  }

  TEST_CASE("neither writing nor reading leaves a credential in freed memory") {
    constexpr std::string_view secret = "hunter2-hunter2-hunter2";
    const std::string lines = "x-key: " + std::string(secret) + "\r\n";
    const std::string cut = [&] {
      auto pipe = credentials_pipe(credentials_of({lines}));
      REQUIRE(pipe);
      std::string octets = octets_of(*pipe);
      octets.pop_back();
      return octets;
    }();
    const testing::FreedMemory freed(secret);
    {
      Credentials written;
      written.reserve(2);
      for (int i = 0; i < 2; ++i) {
        std::string line;
        line.reserve(200);
        line += lines;
        written.emplace_back(std::move(line));
      }
      auto pipe = credentials_pipe(written);
      REQUIRE(pipe);
      REQUIRE(read_credentials(*std::move(pipe)));
      REQUIRE_FALSE(read_credentials(pipe_with(cut)));
    }
    CHECK(freed.count() == 0);
  }
}
