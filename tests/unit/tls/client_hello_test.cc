#include "ostiary/tls/client_hello.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "hello.h"

using namespace ostiary::tls;
using namespace ostiary::tls::testing;

namespace {

HelloScan scan(std::string_view stream, EncryptedHello encrypted = EncryptedHello::refused) {
  return scan_client_hello(octets_of(stream), encrypted);
}

std::string name_in(std::string_view stream, EncryptedHello encrypted = EncryptedHello::refused) {
  const HelloScan found = scan(stream, encrypted);
  if (const auto* fault = std::get_if<HelloFault>(&found)) return "fault: " + std::string(text(*fault));
  const auto* hello = std::get_if<ClientHello>(&found);
  return hello == nullptr ? "more" : std::string(hello->name.text());
}

std::string refused(HelloFault fault) {
  return "fault: " + std::string(text(fault));
}

std::string name_of(std::string_view host) {
  return name_in(record(hello({server_name(host)})));
}

}  // namespace

TEST_SUITE("tls/client_hello") {
  TEST_CASE("a hello names a host") {
    CHECK(name_of("api.example.com") == "api.example.com");
    CHECK(name_of("API.Example.COM") == "api.example.com");
    CHECK(name_of("a") == "a");
    CHECK(name_of("_x.a-b.example") == "_x.a-b.example");
    CHECK(name_in(record(hello({extension(0x2a2a, ""), server_name("a.example"), extension(43, "abc")}))) ==
          "a.example");
  }

  TEST_CASE("each part of a hello is a beginning, and the name is read however its records are cut") {
    const std::string message =
        hello({extension(10, "abcd"), server_name("api.example.com"), extension(16, "efg")});
    const std::string whole = record(message);
    for (size_t octets = 0; octets < whole.size(); ++octets)
      CHECK(name_in(whole.substr(0, octets)) == "more");
    for (size_t size = 1; size < message.size(); ++size)
      CHECK(name_in(records(message, size)) == "api.example.com");
  }

  TEST_CASE("what follows the hello's last record is not read") {
    const std::string whole = record(hello({server_name("a.example")}));
    for (const std::string& more : {std::string("\x14\x03\x03", 3), std::string(100, '\xff'), whole})
      CHECK(name_in(whole + more) == "a.example");
    CHECK(std::get<ClientHello>(scan(whole + "more")).octets == whole.size());
  }

  TEST_CASE("what is no name of a host is refused") {
    for (const std::string_view host :
         {"192.0.2.1", "1", "0x7f.1", "2001:db8::1", "[::1]", "a.example.", ".a", "a..b", "-a.example",
          "a-.b", "a b", "a/b", "a.example:443", "*.example", "\xc3\xa9.example", ""})
      CHECK_MESSAGE(name_of(host) == refused(HelloFault::no_host_name), host);
    CHECK(name_of(std::string_view("a\0.example", 10)) == refused(HelloFault::no_host_name));
    CHECK(name_of(std::string_view("a.example\0", 10)) == refused(HelloFault::no_host_name));
    CHECK(name_of(std::string(64, 'a')) == refused(HelloFault::no_host_name));
    CHECK(name_of(std::string(300, 'a')) == refused(HelloFault::no_host_name));
  }

  TEST_CASE("a hello without a name is refused") {
    CHECK(name_in(record(hello({}))) == refused(HelloFault::no_name));
    CHECK(name_in(record(hello({extension(43, "abc")}))) == refused(HelloFault::no_name));
    CHECK(name_in(record(without_extensions())) == refused(HelloFault::no_name));
  }

  TEST_CASE("a hello with two names is refused") {
    const std::string two = vector(2, entry(0, "a.example") + entry(0, "b.example"));
    CHECK(name_in(record(hello({extension(0, two)}))) == refused(HelloFault::several_names));
    const std::string other_type = vector(2, entry(0, "a.example") + entry(1, "b"));
    CHECK(name_in(record(hello({extension(0, other_type)}))) == refused(HelloFault::several_names));
    CHECK(name_in(record(hello({extension(0, vector(2, entry(1, "a.example")))}))) ==
          refused(HelloFault::malformed));
    CHECK(name_in(record(hello({server_name("a.example"), server_name("b.example")}))) ==
          refused(HelloFault::extension_twice));
  }

  TEST_CASE("an extension stands once, and there are not too many") {
    CHECK(name_in(record(hello({extension(43, "a"), server_name("a.example"), extension(43, "b")}))) ==
          refused(HelloFault::extension_twice));
    std::vector<std::string> many{server_name("a.example")};
    while (many.size() < limits::extensions)
      many.push_back(extension(static_cast<uint16_t>(100 + many.size()), ""));
    CHECK(name_in(record(hello(many))) == "a.example");
    many.push_back(extension(99, ""));
    CHECK(name_in(record(hello(many))) == refused(HelloFault::too_many_extensions));
  }

  TEST_CASE("an encrypted hello is refused, unless it is ignored") {
    for (const uint16_t type : {uint16_t{0xfe0d}, uint16_t{0xffce}}) {
      const std::string whole = record(hello({extension(type, "abc"), server_name("public.example")}));
      CHECK(name_in(whole) == refused(HelloFault::encrypted_hello));
      CHECK(name_in(whole, EncryptedHello::ignored) == "public.example");
    }
  }

  TEST_CASE("each length has to fit") {
    const std::string message = hello({extension(10, "ab"), server_name("a.example"), extension(16, "cd")});
    for (const size_t at : lengths_of(message))
      for (const int change : {-1, 1}) {
        std::string changed = message;
        changed[at] = static_cast<char>(changed[at] + change);
        CAPTURE(at);
        CHECK(name_in(record(changed)) != "a.example");
      }
  }

  TEST_CASE("what is not TLS is refused at its first octet") {
    for (const std::string_view other :
         {"GET / HTTP/1.1\r\n", "SSH-2.0-x", "\x15\x03\x03", "\x17\x03\x03", "\x14"})
      CHECK(name_in(other) == refused(HelloFault::not_tls));
    CHECK(name_in("\x16\x02") == refused(HelloFault::not_tls));
    CHECK(name_in("\x80\x2e\x01\x03\x01") == refused(HelloFault::ssl2));
    CHECK(name_in("\x80") == "more");
    CHECK(name_in("\x80\x2e") == "more");
    CHECK(name_in("\x80\x2e\x02") == refused(HelloFault::not_tls));
  }

  TEST_CASE("records that two servers could read differently are refused") {
    const std::string message = hello({server_name("a.example")});
    const std::string first = record(message.substr(0, 20)), second = record(message.substr(20));
    CHECK(name_in(first + second) == "a.example");
    const std::string malformed = refused(HelloFault::malformed);
    CHECK(name_in(first + record("") + second) == malformed);
    CHECK(name_in(first + std::string("\x15\x03\x03\0\2\1\0", 7) + second) == malformed);
    CHECK(name_in(record(message + "\x0b")) == malformed);
    CHECK(name_in(record("\2" + message.substr(1))) == malformed);
    CHECK(name_in(std::string("\x16\x03\x01\x40\x01", 5) + message) == malformed);
  }

  TEST_CASE("a hello has at most 16 KiB") {
    const auto of_size = [](size_t octets) {
      const size_t other = hello({server_name("a.example"), extension(21, "")}).size();
      return hello({server_name("a.example"), extension(21, std::string(octets - other, '\0'))});
    };
    constexpr size_t most = limits::hello_octets + 4;
    CHECK(name_in(records(of_size(most), 16000)) == "a.example");
    CHECK(name_in(records(of_size(most + 1), 16000)) == refused(HelloFault::too_long));
    CHECK(name_in(record(of_size(most + 1).substr(0, 100))) == refused(HelloFault::too_long));
  }

  TEST_CASE("of an unfinished hello the part of the name that is there is told") {
    const std::string whole =
        record(hello({extension(10, "abcd"), server_name("api.example.com"), extension(16, "efg")}));
    const size_t header = whole.find("api") - 9;  // of the extension: its type, and three lengths
    const size_t end = whole.find("api") + std::string_view("api.example.com").size();
    for (size_t octets = 0; octets < whole.size(); ++octets) {
      const HelloScan found = scan(whole.substr(0, octets));
      REQUIRE(std::holds_alternative<NeedMore>(found));
      const NameSoFar& name = std::get<NeedMore>(found).found;
      CHECK(name.part == (octets < header + 4 ? PartOfName::none
                          : octets < end      ? PartOfName::some
                                              : PartOfName::whole));
      if (name.part == PartOfName::whole) CHECK(name.name.text() == "api.example.com");
    }
  }

  TEST_CASE("a fault is found as soon as it is there") {
    const std::string twice =
        record(hello({server_name("a.example"), server_name("b.example"), extension(1, "x")}));
    CHECK(name_in(twice.substr(0, twice.size() - 5)) == refused(HelloFault::extension_twice));
    const std::string address = record(hello({server_name("192.0.2.1"), extension(1, "x")}));
    CHECK(name_in(address.substr(0, address.size() - 5)) == refused(HelloFault::no_host_name));
    const std::string encrypted = record(hello({extension(0xfe0d, "x"), server_name("a.example")}));
    CHECK(name_in(encrypted.substr(0, encrypted.size() - 5)) == refused(HelloFault::encrypted_hello));
    std::string longer = record(hello({server_name("a.example")}));
    longer[8] = static_cast<char>(longer[8] + 1);  // the message's length
    CHECK(name_in(longer.substr(0, longer.size() - 5)) == refused(HelloFault::malformed));
  }
}
