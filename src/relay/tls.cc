#include "relay/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pemerr.h>
#include <openssl/x509v3.h>

namespace ostiary::relay {
namespace {

using Bio = std::unique_ptr<BIO, CDelete<BIO_free>>;
using Certificate = std::unique_ptr<X509, CDelete<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, CDelete<EVP_PKEY_free>>;

constexpr std::array<unsigned char, 9> http_1_1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr std::array<unsigned char, 3> http_2{2, 'h', '2'};

// An idle connection holds the small one, which has room for a handshake's message.
constexpr size_t small_buffer = 4096;
constexpr size_t octets_at_once = size_t{6} * SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t large_buffer = octets_at_once + size_t{7} * 64;  // with what records add
static_assert(small_buffer < large_buffer);

bool offer(SSL* session, Alpn protocol) {
  const std::span<const unsigned char> name =
      protocol == Alpn::http_2 ? std::span<const unsigned char>(http_2) : http_1_1;
  return SSL_set_alpn_protos(session, name.data(), static_cast<unsigned>(name.size())) == 0;
}

// The reason of the library's last error.
std::string last_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

std::unexpected<Error> failure(std::string_view what, Exit exit = Exit::configuration) {
  return fail(exit, std::string(what) + ": " + last_reason());
}

Bio read_only(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate next_certificate(const Bio& pem) {
  return Certificate(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
}

// Whether the text had no further certificate. Otherwise the next one is damaged.
bool has_ended() {
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return ended;
}

// Without it the library would ask for the password of an encrypted key on the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

Result<> add_authorities(SSL_CTX* context, std::string_view authorities) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  const Bio pem = read_only(authorities);
  size_t added = 0;
  while (const Certificate each = next_certificate(pem)) {
    if (X509_STORE_add_cert(store, each.get()) != 1) return failure("a certificate");
    ++added;
  }
  if (!has_ended())
    return fail(Exit::configuration, "holds a damaged certificate, number " + std::to_string(added + 1));
  if (added == 0) return fail(Exit::configuration, "holds no certificate in PEM form");
  return {};
}

Result<> use(SSL_CTX* context, const ClientCertificate& certificate) {
  const Bio chain = read_only(certificate.chain.reveal());
  const Certificate own = next_certificate(chain);
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return failure("the client's certificate");
  while (const Certificate each = next_certificate(chain))
    if (SSL_CTX_add1_chain_cert(context, each.get()) != 1) return failure("the client's certificate");
  if (!has_ended()) return fail(Exit::configuration, "the client's certificate: its chain is damaged");
  const Key key(
      PEM_read_bio_PrivateKey(read_only(certificate.key.reveal()).get(), nullptr, no_password, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return failure("the client's key");
  return {};
}

bool expect_host(SSL* session, const inet::Host& server) {
  const std::string name = inet::text(server);
  if (std::holds_alternative<inet::IpAddress>(server))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str()) == 1;
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // As the macro SSL_set_tlsext_host_name(), which has an old-style cast.
  std::string sent = name;
  return SSL_set1_host(session, name.c_str()) == 1 &&
         SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sent.data()) == 1;
}

}  // namespace

Result<TlsTrust> TlsTrust::create(std::string_view authorities, const ClientCertificate* client_certificate) {
  TlsTrust trust(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = trust.context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
    return failure("TLS", Exit::unavailable);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // A write may take a part of the octets, and may go on from another address. Idle connections hold no
  // buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  TRY(add_authorities(context, authorities));
  if (client_certificate != nullptr) TRY(use(context, *client_certificate));
  return trust;
}

Result<TlsStream> TlsStream::open(const TlsTrust& trust, UniqueFd socket, const inet::Host& server,
                                  Alpn protocol) {
  TlsStream stream(std::move(socket), SSL_new(trust.context_.get()));
  SSL* const session = stream.session_.get();
  if (session == nullptr || !offer(session, protocol) || !expect_host(session, server) ||
      !stream.use_socket())
    return failure("TLS", Exit::unavailable);
  SSL_set_connect_state(session);
  return stream;
}

// The library passes each record to the kernel by itself. The buffer in between makes one call of many.
bool TlsStream::use_socket() {
  Bio socket(BIO_new_socket(fd(), BIO_NOCLOSE));
  Bio buffer(BIO_new(BIO_f_buffer()));
  if (!socket || !buffer || BIO_up_ref(socket.get()) != 1) return false;
  buffer_ = buffer.get();
  SSL_set_bio(session_.get(), socket.get(), BIO_push(buffer.release(), socket.get()));
  (void)socket.release();
  return true;
}

template <typename Call>
Result<TlsStream::Moved> TlsStream::move(Call call) {
  ERR_clear_error();
  errno = 0;
  size_t octets = 0;
  const int result = call(session_.get(), &octets);
  if (result == 1) return Moved{.octets = octets};
  const int cause = SSL_get_error(session_.get(), result);
  if (cause == SSL_ERROR_WANT_READ) return Moved{.awaits = Awaits::input};
  if (cause == SSL_ERROR_WANT_WRITE) return Moved{.awaits = Awaits::output};
  // Of this call, or of an earlier one.
  if (const long verified = SSL_get_verify_result(session_.get()); verified != X509_V_OK) {
    ERR_clear_error();
    return fail(Exit::unavailable, std::string("the server's certificate is refused: ") +
                                       X509_verify_cert_error_string(verified));
  }
  if (cause == SSL_ERROR_ZERO_RETURN) return Moved{};
  if (cause == SSL_ERROR_SYSCALL)
    return fail(Exit::unavailable, errno != 0 ? std::strerror(errno) : "the connection ended");
  return failure("TLS", Exit::unavailable);
}

Result<TlsStream::Moved> TlsStream::read(std::span<char> room) {
  return move([room](SSL* session, size_t* octets) {
    return SSL_read_ex(session, room.data(), room.size(), octets);
  });
}

// What is in the buffer counts as moved when the kernel has all of it.
Result<TlsStream::Moved> TlsStream::write(std::string_view text, Flush flush) {
  if ((text.size() > small_buffer || flush == Flush::later) && BIO_wpending(buffer_) == 0)
    resize_buffer(large_buffer);
  while (buffered_ < std::min(text.size(), octets_at_once)) {
    const std::string_view rest = text.substr(buffered_, octets_at_once - buffered_);
    const auto moved = TRY(move([rest](SSL* session, size_t* octets) {
      return SSL_write_ex(session, rest.data(), rest.size(), octets);
    }));
    if (buffered_ == 0 && moved.octets == 0) return moved;
    if (moved.octets == 0) break;
    buffered_ += moved.octets;
  }
  if (flush == Flush::later) return Moved{.octets = std::exchange(buffered_, 0)};
  if (!TRY(flush_buffer())) return Moved{.awaits = Awaits::output};
  resize_buffer(small_buffer);
  return Moved{.octets = std::exchange(buffered_, 0)};
}

// Whether the kernel has everything.
Result<bool> TlsStream::flush_buffer() {
  errno = 0;
  if (BIO_flush(buffer_) == 1) return true;
  if (BIO_should_retry(buffer_)) return false;
  return fail(Exit::unavailable, errno != 0 ? std::strerror(errno) : "the connection ended");
}

// Requires that it is empty.
void TlsStream::resize_buffer(size_t octets) {
  if (BIO_set_write_buffer_size(buffer_, static_cast<long>(octets)) != 1) ERR_clear_error();
}

}  // namespace ostiary::relay
