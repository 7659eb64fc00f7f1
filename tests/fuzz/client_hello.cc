// The beginning of a TLS stream from a hostile client. If OpenSSL, as a server, reads a host name from it and we
// do too, it is the same name. However the records of a hello that we accept are cut, we read the same name;
// each part of it is incomplete; and what follows it changes nothing.
#include "ostiary/tls/client_hello.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "fuzz.h"
#include "ostiary/base/c_handle.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/host_name.h"

using namespace ostiary;
using namespace ostiary::tls;

namespace {

int keep_name(SSL* ssl, int* /*alert*/, void* kept) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  static_cast<std::optional<std::string>*>(kept)->emplace(name == nullptr ? "" : name);
  return SSL_TLSEXT_ERR_OK;
}

// Nothing if OpenSSL did not get as far as the name.
std::optional<std::string> name_for_openssl(fuzz::Bytes stream) {
  static SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  std::optional<std::string> name;
  SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, reinterpret_cast<void (*)()>(keep_name));
  SSL_CTX_set_tlsext_servername_arg(context, &name);
  const std::unique_ptr<SSL, CDelete<SSL_free>> server(SSL_new(context));
  BIO* const in = BIO_new_mem_buf(stream.data(), static_cast<int>(stream.size()));
  SSL_set_bio(server.get(), in, BIO_new(BIO_s_mem()));
  SSL_set_accept_state(server.get());
  SSL_do_handshake(server.get());
  ERR_clear_error();
  return name;
}

std::string ours(fuzz::Bytes stream) {
  const HelloScan found = scan_client_hello(stream, EncryptedHello::ignored);
  const auto* const hello = std::get_if<ClientHello>(&found);
  return hello == nullptr ? "" : std::string(hello->name.text());
}

bool is_incomplete(fuzz::Bytes stream) {
  return std::holds_alternative<NeedMore>(scan_client_hello(stream, EncryptedHello::ignored));
}

// The same message, in records of this size.
std::string cut_anew(fuzz::Bytes stream, size_t size) {
  std::string message;
  for (size_t at = 0; at < stream.size();) {
    const size_t octets = static_cast<size_t>(stream[at + 3]) << 8U | stream[at + 4];
    message += fuzz::as_text(stream.subspan(at + 5, octets));
    at += 5 + octets;
  }
  std::string cut;
  for (size_t at = 0; at < message.size(); at += size) {
    const std::string part = message.substr(at, size);
    cut += "\x16\x03\x01";
    cut += static_cast<char>(part.size() >> 8U);
    cut += static_cast<char>(part.size() & 0xffU);
    cut += part;
  }
  return cut;
}

fuzz::Bytes octets_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::Bytes stream(data, size);
  const HelloScan found = scan_client_hello(stream, EncryptedHello::ignored);
  const auto* const hello = std::get_if<ClientHello>(&found);
  if (const auto* const fault = std::get_if<HelloFault>(&found)) HOLDS(fuzz::is_one_line(text(*fault)));
  if (hello == nullptr) return 0;

  const std::string name(hello->name.text());
  HOLDS(inet::is_host_name(name));
  const auto theirs = name_for_openssl(stream);
  HOLDS(!theirs || to_lower(*theirs) == name);

  const fuzz::Bytes alone = stream.first(hello->octets);
  HOLDS(ours(alone) == name);
  for (const size_t octets : {size_t{0}, size_t{1}, hello->octets / 2, hello->octets - 1})
    HOLDS(is_incomplete(alone.first(octets)));
  for (const size_t octets : {size_t{1}, size_t{7}, size_t{16384}})
    HOLDS(ours(octets_of(cut_anew(alone, octets))) == name);

  const HelloScan strict = scan_client_hello(stream, EncryptedHello::refused);
  const auto* const fault = std::get_if<HelloFault>(&strict);
  HOLDS(std::holds_alternative<ClientHello>(strict) || (fault && *fault == HelloFault::encrypted_hello));
  return 0;
}
