// What follows a first ClientHello. An input is one octet, then a stream.
// - An even octet: the stream is a hostile server's. If OpenSSL, as a client, takes a HelloRetryRequest from it,
//   it is a retry; if it takes another ServerHello, it is another answer. An answer that is known stays.
// - An odd octet: the stream is a hostile client's, after a retry. If OpenSSL, as a server, reads a host name
//   from it and we do too, it is the same name; each part of what we accept is incomplete.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "fuzz.h"
#include "ostiary/base/c_handle.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/tls/retry.h"

using namespace ostiary;
using namespace ostiary::tls;

namespace {

using Context = std::unique_ptr<SSL_CTX, CDelete<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, CDelete<SSL_free>>;
using Octets = std::vector<uint8_t>;

constexpr uint8_t client_hello = 1;
constexpr uint8_t server_hello = 2;

struct Seen {
  int sent_hellos = 0;
  int taken_hellos = 0;
};

void count_hellos(int is_sent, int /*version*/, int type, const void* octets, size_t size, SSL*, void* seen) {
  if (type != SSL3_RT_HANDSHAKE || size == 0) return;
  const uint8_t message = *static_cast<const uint8_t*>(octets);
  if (is_sent != 0 && message == client_hello) ++static_cast<Seen*>(seen)->sent_hellos;
  if (is_sent == 0 && message == server_hello) ++static_cast<Seen*>(seen)->taken_hellos;
}

// Without a session id, so that a fixed answer fits.
Context client_context() {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_clear_options(context.get(), SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  HOLDS(SSL_CTX_set1_groups_list(context.get(), "X25519:P-256") == 1);
  return context;
}

Ssl with_buffers(SSL_CTX* context) {
  Ssl ssl(SSL_new(context));
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  return ssl;
}

void receive(SSL* ssl, fuzz::Bytes stream) {
  if (!stream.empty()) BIO_write(SSL_get_rbio(ssl), stream.data(), static_cast<int>(stream.size()));
  SSL_do_handshake(ssl);
  ERR_clear_error();
}

Octets sent_by(SSL* ssl) {
  Octets sent(BIO_ctrl_pending(SSL_get_wbio(ssl)));
  BIO_read(SSL_get_wbio(ssl), sent.data(), static_cast<int>(sent.size()));
  return sent;
}

Seen openssl_takes(fuzz::Bytes stream) {
  static const Context context = client_context();
  Seen seen;
  const Ssl client = with_buffers(context.get());
  SSL_set_connect_state(client.get());
  SSL_set_msg_callback(client.get(), count_hellos);
  SSL_set_msg_callback_arg(client.get(), &seen);
  receive(client.get(), {});
  receive(client.get(), stream);
  return seen;
}

void add_to_length(Octets& octets, size_t last, uint8_t more) {
  const unsigned sum = octets[last] + more;
  octets[last] = static_cast<uint8_t>(sum);
  octets[last - 1] = static_cast<uint8_t>(octets[last - 1] + (sum >> 8U));
}

// A first hello that offers early data, so that the server discards it, and no share of the server's group.
Octets first_hello() {
  const Context context = client_context();
  const Ssl client = with_buffers(context.get());
  // As the macro SSL_set_tlsext_host_name(), which has an old-style cast.
  std::string name = "first.example";
  SSL_ctrl(client.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  SSL_set_connect_state(client.get());
  receive(client.get(), {});
  Octets hello = sent_by(client.get());
  const std::array<uint8_t, 4> offer{0, 42, 0, 0};
  hello.insert(hello.end(), offer.begin(), offer.end());
  constexpr size_t suites = 5 + 4 + 2 + 32 + 1;  // no session id
  const size_t compressions = suites + 2 + (static_cast<size_t>(hello[suites]) << 8U | hello[suites + 1]);
  add_to_length(hello, 4, offer.size());
  add_to_length(hello, 8, offer.size());
  add_to_length(hello, compressions + 1 + hello[compressions] + 1, offer.size());
  return hello;
}

int keep_name(SSL* ssl, int* /*alert*/, void* kept) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  static_cast<std::optional<std::string>*>(kept)->emplace(name == nullptr ? "" : name);
  return SSL_TLSEXT_ERR_OK;
}

// With a certificate: without one OpenSSL ends before it asks for another hello.
Context server_context() {
  Context context(SSL_CTX_new(TLS_server_method()));
  const std::unique_ptr<EVP_PKEY, CDelete<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, CDelete<X509_free>> certificate(X509_new());
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  HOLDS(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1);
  HOLDS(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  HOLDS(SSL_CTX_set1_groups_list(context.get(), "P-256") == 1);
  SSL_CTX_callback_ctrl(context.get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(keep_name));
  return context;
}

// Nothing if OpenSSL did not get as far as the second hello's name.
std::optional<std::string> second_name_for_openssl(fuzz::Bytes stream) {
  static const Octets first = first_hello();
  static const Context context = server_context();
  std::optional<std::string> name;
  SSL_CTX_set_tlsext_servername_arg(context.get(), &name);
  const Ssl server = with_buffers(context.get());
  SSL_set_accept_state(server.get());
  receive(server.get(), first);
  HOLDS(name == "first.example");
  HOLDS(scan_first_answer(sent_by(server.get())) == FirstAnswer::retry);
  name.reset();
  receive(server.get(), stream);
  return name;
}

void check_answer(fuzz::Bytes stream) {
  const FirstAnswer answer = scan_first_answer(stream);
  FirstAnswer before = FirstAnswer::need_more;
  for (size_t octets = 0; octets <= stream.size(); ++octets) {
    const FirstAnswer now = scan_first_answer(stream.first(octets));
    HOLDS(before == FirstAnswer::need_more || now == before);
    before = now;
  }
  HOLDS(before == answer);
  const Seen seen = openssl_takes(stream);
  if (seen.sent_hellos > 1) HOLDS(answer == FirstAnswer::retry);
  if (seen.sent_hellos == 1 && seen.taken_hellos == 1 && stream.size() < limits::answer_octets)
    HOLDS(answer != FirstAnswer::need_more);
}

void check_second(fuzz::Bytes stream) {
  const HelloScan found = scan_second_hello(stream, EncryptedHello::ignored);
  const auto* const hello = std::get_if<ClientHello>(&found);
  if (hello == nullptr) return;
  const std::string name(hello->name.text());
  HOLDS(inet::is_host_name(name));
  const auto theirs = second_name_for_openssl(stream);
  HOLDS(!theirs || to_lower(*theirs) == name);

  HOLDS(hello->octets <= stream.size());
  for (const size_t octets : {size_t{0}, size_t{1}, size_t{6}, hello->octets / 2, hello->octets - 1})
    HOLDS(std::holds_alternative<NeedMore>(scan_second_hello(stream.first(octets), EncryptedHello::ignored)));
  const HelloScan alone = scan_second_hello(stream.first(hello->octets), EncryptedHello::ignored);
  HOLDS(std::holds_alternative<ClientHello>(alone) && std::get<ClientHello>(alone).name.text() == name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const fuzz::Bytes stream(data + 1, size - 1);
  data[0] % 2 == 0 ? check_answer(stream) : check_second(stream);
  return 0;
}
