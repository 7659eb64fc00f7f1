// What OpenSSL 3.0, GnuTLS 3.7 and Go 1.26 do, as tried with each.
// A client that waits for a ServerHello takes a retry
// - all three: behind warnings (no close_notify), with more messages in its record, whatever the minor version;
// - OpenSSL and Go: cut into records of one octet, or around a warning;
// - OpenSSL alone: behind a HelloRequest, behind and around an empty record;
// - GnuTLS alone: behind an alert of level 0. Go alone: in a record of version 2;
// - none: behind or around a change_cipher_spec, behind early data, a heartbeat or a fatal alert.
// A server that sent a retry takes the second hello
// - all three: cut into records of one octet, behind any number of change_cipher_spec;
// - OpenSSL and GnuTLS: behind early data if the first hello offered it, and around a change_cipher_spec;
// - none: behind early data not offered, an alert, an empty record, or a change_cipher_spec that is not one octet 1;
// - OpenSSL and GnuTLS serve another name than the first hello's; Go refuses it.
#include "ostiary/tls/retry.h"

#include <string>

#include <doctest/doctest.h>

#include "hello.h"

using namespace ostiary::tls;
using namespace ostiary::tls::testing;

namespace {

constexpr std::string_view retrys_random =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

std::string server_hello(std::string_view random) {
  return "\x02" + vector(3, std::string("\x03\x03").append(random) + vector(1, "") + "\x13\x01" +
                                std::string(1, '\0') + vector(2, extension(43, "\x03\x04")));
}
const std::string retry = server_hello(retrys_random);
const std::string no_retry = server_hello(std::string(32, 'r'));
const std::string hello_request(4, '\0');

std::string other_record(uint8_t type, std::string_view content) {
  return number(1, type) + "\x03\x03" + vector(2, content);
}
const std::string change_cipher_spec = other_record(20, "\1");
const std::string warning = other_record(21, "\1\x70");  // unrecognized_name
const std::string fatal = other_record(21, "\2\x28");    // handshake_failure
const std::string early_data = other_record(23, std::string(100, 'e'));

std::string answer(std::string_view stream) {
  switch (scan_first_answer(octets_of(stream))) {
    case FirstAnswer::need_more:
      return "more";
    case FirstAnswer::retry:
      return "retry";
    case FirstAnswer::other:
      return "other";
  }
  return {};
}

// The name, or the fault, and how many octets were read.
std::string second(std::string_view stream, EncryptedHello encrypted = EncryptedHello::refused) {
  const HelloScan found = scan_second_hello(octets_of(stream), encrypted);
  if (const auto* fault = std::get_if<HelloFault>(&found)) return std::string(text(*fault));
  const auto* hello = std::get_if<ClientHello>(&found);
  return hello == nullptr ? "more" : std::string(hello->name.text()) + " " + std::to_string(hello->octets);
}

}  // namespace

TEST_SUITE("tls/retry") {
  TEST_CASE("a server's random tells a retry from a ServerHello") {
    CHECK(answer(record(retry)) == "retry");
    CHECK(answer(record(no_retry)) == "other");
    for (size_t at = 0; at < retrys_random.size(); ++at) {
      std::string random(retrys_random);
      random[at] ^= 1;
      CHECK(answer(record(server_hello(random))) == "other");
    }
  }

  TEST_CASE("the answer is known when the random is, and what follows does not change it") {
    constexpr size_t needed = 5 + 4 + 2 + 32;
    for (const auto& [message, expected] : {std::pair{retry, "retry"}, std::pair{no_retry, "other"}}) {
      const std::string whole = record(message + "\x0b more") + change_cipher_spec + early_data;
      for (size_t octets = 0; octets <= whole.size(); ++octets)
        CHECK(answer(whole.substr(0, octets)) == (octets < needed ? "more" : expected));
    }
  }

  TEST_CASE("the answer is the same however its records are cut") {
    for (size_t size = 1; size < retry.size(); ++size) {
      CHECK(answer(records(retry, size)) == "retry");
      CHECK(answer(records(no_retry, size)) == "other");
    }
  }

  TEST_CASE("a retry is found behind what a client ignores") {
    const std::string level_0 = other_record(21, std::string("\0\x70", 2));
    for (const std::string& ignored :
         {change_cipher_spec, warning, level_0, record(""), record(hello_request)}) {
      CHECK(answer(ignored) == "more");
      for (const std::string& before : {ignored, ignored + ignored}) {
        CHECK(answer(before + record(retry)) == "retry");
        CHECK(answer(before + record(no_retry)) == "other");
      }
    }
    CHECK(answer(record(hello_request + retry)) == "retry");
    CHECK(answer(record(retry.substr(0, 9)) + warning + record("") + record(retry.substr(9))) == "retry");
  }

  TEST_CASE("a fatal alert and what is not TLS are other answers") {
    CHECK(answer(fatal) == "other");
    CHECK(answer(warning + fatal) == "other");
    CHECK(answer(fatal.substr(0, 5)) == "more");
    CHECK(answer("HTTP/1.1 400 Bad Request\r\n") == "other");
    CHECK(answer("SSH-2.0-x") == "other");
  }

  TEST_CASE("an answer that is neither counts as a retry") {
    CHECK(answer(early_data) == "retry");
    CHECK(answer(other_record(24, "x")) == "retry");
    CHECK(answer(change_cipher_spec + "HTTP/1.1 400") == "retry");
    CHECK(answer(record("\x06")) == "retry");                        // HelloRetryRequest of a draft
    CHECK(answer(record(std::string("\0\0\0\1", 4))) == "retry");    // no HelloRequest
    CHECK(answer(record(std::string("\2\0\0\x21", 4))) == "retry");  // no room for the random
    CHECK(answer(std::string("\x16\x02\x00", 3) + vector(2, retry)) == "retry");  // another version
  }

  TEST_CASE("an answer is known after 1 KiB") {
    std::string stream;
    while (stream.size() < limits::answer_octets) stream += change_cipher_spec;
    CHECK(answer(stream.substr(0, limits::answer_octets - 1)) == "more");
    CHECK(answer(stream.substr(0, limits::answer_octets)) == "retry");
    CHECK(answer(stream + record(no_retry)) == "retry");
  }

  TEST_CASE("a second hello is found behind what a server discards") {
    const std::string whole = record(hello({server_name("B.example")}));
    for (const std::string& before :
         {std::string(), change_cipher_spec, early_data, change_cipher_spec + early_data + early_data}) {
      const std::string stream = before + whole;
      for (size_t octets = 0; octets < stream.size(); ++octets)
        CHECK(second(stream.substr(0, octets)) == "more");
      CHECK(second(stream + early_data) == "b.example " + std::to_string(stream.size()));
    }
  }

  TEST_CASE("whether a second hello has begun is known from its first octet") {
    const std::string before = change_cipher_spec + early_data;
    for (size_t octets = 0; octets <= before.size(); ++octets)
      CHECK(is_skipped_before_second_hello(octets_of(before).first(octets)));
    for (const std::string_view next : {"\x16", "\x15", "G"})
      CHECK_FALSE(is_skipped_before_second_hello(octets_of(before + std::string(next))));
    CHECK_FALSE(is_skipped_before_second_hello(octets_of(other_record(20, "\2"))));
  }

  TEST_CASE("a second hello is read as strictly as the first") {
    CHECK(second(change_cipher_spec + record(hello({}))) == text(HelloFault::no_name));
    const std::string encrypted = record(hello({extension(0xfe0d, ""), server_name("b.example")}));
    CHECK(second(early_data + encrypted) == text(HelloFault::encrypted_hello));
    CHECK(second(encrypted, EncryptedHello::ignored) == "b.example " + std::to_string(encrypted.size()));
  }

  TEST_CASE("what a server may not discard is refused") {
    const std::string message = hello({server_name("b.example")});
    const std::string whole = record(message);
    const std::string malformed(text(HelloFault::malformed));
    for (const std::string& before : {other_record(20, ""), other_record(20, "\2"), other_record(20, "\1\1"),
                                      other_record(23, ""), other_record(23, std::string(16384 + 257, 'e')),
                                      std::string("\x17\x02", 2), std::string("\x14\x01", 2)})
      CHECK(second(before + whole) == malformed);
    CHECK(second(warning + whole) == text(HelloFault::not_tls));
    CHECK(second(record("") + whole) == malformed);
    for (const std::string& within : {early_data, change_cipher_spec})
      CHECK(second(record(message.substr(0, 9)) + within + record(message.substr(9))) == malformed);
    CHECK(second(other_record(23, std::string(16384 + 256, 'e')) + whole).starts_with("b.example "));
  }
}
