#include "relay/trust.h"

#include <array>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>

#include "freed_memory.h"
#include "outcome.h"
#include "scratch.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using telemetry::TlsFiles;

namespace {

// A directory for files of certificates.
struct Files {
  Files() { ::signal(SIGPIPE, SIG_IGN); }

  std::string write(const std::string& name, std::string_view content) const {
    ostiary::testing::write(scratch.path(name), content);
    return scratch.path(name);
  }

  const ostiary::testing::Scratch scratch;
  const Identity first = make_identity("");
  const Identity second = make_identity("");
};

// Whether a client with this trust reads what a server writes, over TLS.
bool trusts(const Result<TlsTrust>& trust, const Identity& authority,
            const Certificate* client_authority = nullptr) {
  REQUIRE_MESSAGE(trust, error_of(trust));
  const Identity server = make_identity("DNS:c.example", &authority);
  auto [ours, theirs] = connected_ends();
  const TlsPeer peer(
      std::move(theirs), server, [](TlsPeer::Connection& connection) { connection.write("hello"); }, 0,
      client_authority);
  auto stream =
      TlsStream::open(*trust, std::move(ours), inet::parse_host("c.example").value(), Alpn::http_1_1).value();
  std::array<char, 16> room{};
  while (true) {
    const auto moved = stream.read(room);
    if (!moved || !moved->awaits) return moved && moved->octets == 5;
    pollfd ready{.fd = stream.fd(), .events = POLLIN, .revents = 0};
    if (*moved->awaits == TlsStream::Awaits::output) ready.events = POLLOUT;
    REQUIRE(::poll(&ready, 1, 5000) == 1);
  }
}

}  // namespace

TEST_SUITE("relay/trust") {
  TEST_CASE("a file of authorities is all that is trusted") {
    const Files files;
    const auto trust = read_trust({.authorities = files.write("ca.pem", pem_of(files.first.certificate))});
    CHECK(trusts(trust, files.first));
    CHECK_FALSE(trusts(trust, files.second));
  }

  TEST_CASE("a file can hold several authorities, with text around them") {
    const Files files;
    const auto trust =
        read_trust({.authorities = files.write("ca.pem", "# one\n" + pem_of(files.first.certificate) +
                                                             "# two\n" + pem_of(files.second.certificate))});
    CHECK(trusts(trust, files.first));
    CHECK(trusts(trust, files.second));
  }

  TEST_CASE("more authorities are trusted beside the others") {
    const Files files;
    std::string without_newline = pem_of(files.first.certificate);
    without_newline.pop_back();
    const auto trust =
        read_trust({.authorities = files.write("ca.pem", without_newline),
                    .more_authorities = files.write("more.pem", pem_of(files.second.certificate))});
    CHECK(trusts(trust, files.first));
    CHECK(trusts(trust, files.second));
  }

  TEST_CASE("of a directory each file is read once, and links to them are left") {
    const Files files;
    std::filesystem::create_directory(files.scratch.path("certs"));
    files.write("certs/one.pem", pem_of(files.first.certificate));
    files.write("certs/two.pem", pem_of(files.second.certificate));
    std::filesystem::create_symlink("one.pem", files.scratch.path("certs/0a1b2c3d.0"));
    std::filesystem::create_symlink("gone.pem", files.scratch.path("certs/dangling"));
    files.write("damaged.pem", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
    std::filesystem::create_symlink("../damaged.pem", files.scratch.path("certs/1a1b2c3d.0"));
    std::filesystem::create_directory(files.scratch.path("certs/directory"));
    const auto trust = read_trust({.authorities = files.scratch.path("certs")});
    CHECK(trusts(trust, files.first));
    CHECK(trusts(trust, files.second));
  }

  TEST_CASE("of a directory of links the files behind them are read") {
    const Files files;
    std::filesystem::create_directory(files.scratch.path("certs"));
    std::filesystem::create_directory(files.scratch.path("behind"));
    files.write("behind/one.pem", pem_of(files.first.certificate));
    std::filesystem::create_symlink("../behind/one.pem", files.scratch.path("certs/one.pem"));
    std::filesystem::create_symlink("gone.pem", files.scratch.path("certs/dangling"));
    CHECK(trusts(read_trust({.authorities = files.scratch.path("certs")}), files.first));
  }

  TEST_CASE("a file that is missing or without a certificate is an error that names it") {
    const Files files;
    const std::string good = files.write("ca.pem", pem_of(files.first.certificate));
    const std::string gone = files.scratch.path("gone.pem");
    const std::string empty = files.write("empty.pem", "no certificate\n");
    std::filesystem::create_directory(files.scratch.path("none"));
    CHECK(error_of(read_trust({.authorities = gone})) == gone + ": No such file or directory");
    CHECK(error_of(read_trust({.authorities = good, .more_authorities = gone})) ==
          gone + ": No such file or directory");
    CHECK(error_of(read_trust({.authorities = good, .client_key = gone})) ==
          gone + ": No such file or directory");
    CHECK(error_of(read_trust({.authorities = empty})) == empty + ": holds no certificate in PEM form");
    CHECK(status_of(read_trust({.authorities = empty})) == 78);
    const std::string none = files.scratch.path("none");
    CHECK(error_of(read_trust({.authorities = none})) == none + ": holds no certificate in PEM form");
  }

  TEST_CASE("a damaged certificate is an error that names its file, whichever that is") {
    const Files files;
    const std::string good = files.write("ca.pem", pem_of(files.first.certificate));
    std::string text = pem_of(files.first.certificate);
    text.replace(text.size() / 2, 4, "!!!!");
    const std::string damaged = files.write("damaged.pem", pem_of(files.second.certificate) + text);
    const std::string expected = damaged + ": holds a damaged certificate, number 2";
    CHECK(error_of(read_trust({.authorities = damaged})) == expected);
    CHECK(error_of(read_trust({.authorities = good, .more_authorities = damaged})) == expected);
    CHECK(status_of(read_trust({.authorities = damaged})) == 78);
  }

  TEST_CASE("the client proves itself with its certificate and key, from two files or one") {
    const Files files;
    const Identity client = make_identity("DNS:client", &files.second);
    const std::string authorities = files.write("ca.pem", pem_of(files.first.certificate));
    const std::string certificate = files.write("client.pem", pem_of(client.certificate));
    const std::string key = files.write("key.pem", pem_of(client.key));
    const std::string both = files.write("both.pem", pem_of(client.certificate) + pem_of(client.key));
    for (const TlsFiles& each :
         {TlsFiles{.authorities = authorities, .client_certificate = certificate, .client_key = key},
          TlsFiles{.authorities = authorities, .client_key = both}})
      CHECK(trusts(read_trust(each), files.first, &files.second.certificate));
    CHECK_FALSE(trusts(read_trust({.authorities = authorities, .client_certificate = certificate}),
                       files.first, &files.second.certificate));
  }

  TEST_CASE("a client's key that is damaged or of another certificate is an error that names its file") {
    const Files files;
    const std::string authorities = files.write("ca.pem", pem_of(files.first.certificate));
    const std::string certificate = files.write("client.pem", pem_of(files.first.certificate));
    const std::string other = files.write("other.pem", pem_of(files.second.key));
    const auto wrong =
        read_trust({.authorities = authorities, .client_certificate = certificate, .client_key = other});
    CHECK(error_of(wrong).starts_with(certificate + ", " + other + ": the client's key: "));
    CHECK(status_of(wrong) == 78);
    const auto none = read_trust({.authorities = authorities, .client_key = other});
    CHECK(error_of(none).starts_with(other + ": the client's certificate: "));
    CHECK(status_of(none) == 78);
  }

  TEST_CASE("the files of a client leave no octet in freed memory") {
    const Files files;
    constexpr const char* secret = "hunter2-hunter2-hunter2";
    const std::string authorities = files.write("ca.pem", pem_of(files.first.certificate));
    const std::string text = std::string("# ") + secret + "\n" + pem_of(files.first.certificate) +
                             pem_of(files.first.key) + std::string(9000, '#') + "\n";
    const std::string both = files.write("both.pem", text);
    const ostiary::testing::FreedMemory freed(secret);
    REQUIRE(read_trust({.authorities = authorities, .client_key = both}));
    CHECK(freed.count() == 0);
  }
}
