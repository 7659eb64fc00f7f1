// relay/tls.h: the client's side of TLS, to one server (OpenSSL).
// - The server's certificate is always verified, for the host's name or address. There is no setting
//   that turns this off. TLS 1.2 at least.
// - TlsTrust is made before the process confines itself, and opens no file later.
// - The process must ignore SIGPIPE: the library writes with write(2).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/destination.h"

namespace ostiary::relay {

// PEM. One text can be both.
struct ClientCertificate {
  Secret chain;
  Secret key;
};

class TlsTrust {
 public:
  // `authorities` is PEM text with at least one certificate.
  static Result<TlsTrust> create(std::string_view authorities,
                                 const ClientCertificate* client_certificate = nullptr);

 private:
  friend class TlsStream;
  explicit TlsTrust(SSL_CTX* context) : context_(context) {}

  std::unique_ptr<SSL_CTX, CDelete<SSL_CTX_free>> context_;
};

// The protocol that the client offers in the handshake (ALPN).
enum class Alpn : uint8_t { http_1_1, http_2 };

// A connection whose socket does not block. The first read or write begins the handshake.
class TlsStream {
 public:
  // What the socket must be ready for, before the call can go on.
  enum class Awaits : uint8_t { input, output };
  struct Moved {
    size_t octets = 0;                  // 0: see the rest
    std::optional<Awaits> awaits = {};  // empty: the server has ended the stream
  };

  enum class Flush : uint8_t { now, later };

  static Result<TlsStream> open(const TlsTrust& trust, UniqueFd socket, const inet::Host& server,
                                Alpn protocol);

  // An error ends the connection. It says why the certificate was refused, if it was.
  Result<Moved> read(std::span<char> room);
  // If it awaits anything, the next call must begin with the same octets. With Flush::later the octets leave with
  // those of the next call, which must follow at once.
  Result<Moved> write(std::string_view text, Flush flush = Flush::now);

  int fd() const { return socket_.get(); }

 private:
  TlsStream(UniqueFd socket, SSL* session) : socket_(std::move(socket)), session_(session) {}
  // `call` is a function of the library that tells how many octets it has moved.
  template <typename Call>
  Result<Moved> move(Call call);
  bool use_socket();
  Result<bool> flush_buffer();
  void resize_buffer(size_t octets);

  UniqueFd socket_;
  std::unique_ptr<SSL, CDelete<SSL_free>> session_;
  BIO* buffer_ = nullptr;  // of the session, in front of the socket
  size_t buffered_ = 0;    // of the text that is being written
};

}  // namespace ostiary::relay
