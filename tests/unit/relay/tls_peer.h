// tls_peer.h: the server's side of TLS, or of a connection in plain text, for tests: over one end of a
// socket pair, in a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::relay::testing {

using Key = std::unique_ptr<EVP_PKEY, CDelete<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, CDelete<X509_free>>;

struct Identity {
  Key key;
  Certificate certificate;
};

// `names` is such as "DNS:collector.example,IP:192.0.2.1". Without an issuer it signs itself.
Identity make_identity(const std::string& names, const Identity* issuer = nullptr,
                       long valid_for_seconds = 3600);
std::string pem_of(const Certificate& certificate);
std::string pem_of(const Key& key);

// The two ends of a connection. Ours does not block, as in the relay.
struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};
Ends connected_ends();

// One connection. `serve` reads and writes plain text; when it returns, the connection ends.
class TlsPeer {
 public:
  class Connection {
   public:
    // Without a session it is in plain text.
    Connection(int socket, SSL* session) : socket_(socket), session_(session) {}
    // The octets up to and with the end of the next request; empty at the end of the stream.
    std::string read_request();
    void write(std::string_view octets);
    // What has arrived; empty at the end of the stream.
    std::string read();

   private:
    int socket_;
    SSL* session_;
    std::string unread_;
  };
  using Serve = std::function<void(Connection&)>;

  TlsPeer(UniqueFd socket, const Identity& identity, Serve serve, int newest_version = 0,
          const Certificate* client_authority = nullptr);
  // In plain text.
  TlsPeer(UniqueFd socket, Serve serve);
  ~TlsPeer() { thread_.join(); }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

 private:
  std::thread thread_;
};

}  // namespace ostiary::relay::testing
