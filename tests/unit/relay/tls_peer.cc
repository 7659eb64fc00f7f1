#include "tls_peer.h"

#include <array>
#include <charconv>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

namespace ostiary::relay::testing {
namespace {

using Bio = std::unique_ptr<BIO, CDelete<BIO_free>>;

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, CDelete<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

int take_first(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
               unsigned, void*) {
  *size = offered[0];
  *chosen = offered + 1;
  return SSL_TLSEXT_ERR_OK;
}

void serve_one(int socket, SSL_CTX* context, const TlsPeer::Serve& serve) {
  const std::unique_ptr<SSL, CDelete<SSL_free>> session(SSL_new(context));
  SSL_set_fd(session.get(), socket);
  if (SSL_accept(session.get()) != 1) return;
  TlsPeer::Connection connection(socket, session.get());
  serve(connection);
  SSL_shutdown(session.get());
}

}  // namespace

Identity make_identity(const std::string& names, const Identity* issuer, long valid_for_seconds) {
  static long serial = 0;
  Identity made{Key(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_for_seconds);
  // The library finds an issuer by its name.
  const std::string name = (issuer ? "server " : "authority ") + std::to_string(serial);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer->certificate.get() : certificate));
  X509_set_pubkey(certificate, made.key.get());
  if (issuer == nullptr) add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!names.empty()) add_extension(certificate, NID_subject_alt_name, names);
  REQUIRE(X509_sign(certificate, issuer ? issuer->key.get() : made.key.get(), EVP_sha256()) > 0);
  return made;
}

Ends connected_ends() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  Ends made{.ours = UniqueFd(ends[0]), .theirs = UniqueFd(ends[1])};
  REQUIRE(::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK) == 0);
  return made;
}

std::string pem_of(const Certificate& certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio);
}

std::string pem_of(const Key& key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio);
}

std::string TlsPeer::Connection::read_request() {
  const auto whole = [this]() -> size_t {
    const size_t end = unread_.find("\r\n\r\n");
    const size_t length = unread_.find("Content-Length: ");
    if (end == std::string::npos || length > end) return 0;
    size_t body = 0;
    std::from_chars(unread_.data() + length + 16, unread_.data() + unread_.size(), body);
    return end + 4 + body <= unread_.size() ? end + 4 + body : 0;
  };
  while (whole() == 0) {
    const std::string got = read();
    if (got.empty()) return "";
    unread_ += got;
  }
  const std::string request = unread_.substr(0, whole());
  unread_.erase(0, request.size());
  return request;
}

void TlsPeer::Connection::write(std::string_view octets) {
  if (octets.empty()) return;
  if (session_ != nullptr)
    SSL_write(session_, octets.data(), static_cast<int>(octets.size()));
  else
    ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
}

std::string TlsPeer::Connection::read() {
  std::array<char, 65536> room;
  const ssize_t got = session_ != nullptr ? SSL_read(session_, room.data(), static_cast<int>(room.size()))
                                          : ::recv(socket_, room.data(), room.size(), 0);
  return got > 0 ? std::string(room.data(), static_cast<size_t>(got)) : "";
}

std::string TlsPeer::Connection::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsPeer::TlsPeer(UniqueFd socket, const Identity& identity, Serve serve, int newest_version,
                 const Certificate* client_authority) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), identity.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
  SSL_CTX_set_alpn_select_cb(context.get(), take_first, nullptr);
  if (newest_version != 0) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_max_proto_version(context.get(), newest_version);
  }
  if (client_authority != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), client_authority->get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  thread_ = std::thread([context, serve = std::move(serve), fd = socket.release()] {
    const UniqueFd owned(fd);
    serve_one(fd, context.get(), serve);
  });
}

TlsPeer::TlsPeer(UniqueFd socket, Serve serve)
    : thread_([serve = std::move(serve), fd = socket.release()] {
        const UniqueFd owned(fd);
        Connection connection(fd, nullptr);
        serve(connection);
      }) {}

}  // namespace ostiary::relay::testing
