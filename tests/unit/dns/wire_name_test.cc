#include "ostiary/dns/wire_name.h"

#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using ostiary::inet::HostName;

namespace {

std::expected<WireName, NameFault> plain(const Bytes& octets) {
  Reader cursor(octets);
  return WireName::read(cursor);
}

std::expected<WireName, NameFault> compressed(const Bytes& message, size_t position) {
  Reader cursor(message);
  cursor.seek(position);
  return WireName::read_compressed(cursor);
}

// Labels of 63, 63, 63 and `last` octets.
Bytes long_name(size_t last) {
  Bytes octets;
  for (int i = 0; i < 3; ++i) octets += label(std::string(63, 'a'));
  octets += label(std::string(last, 'b'));
  octets.push_back(0);
  return octets;
}

}  // namespace

TEST_SUITE("dns/wire_name") {
  TEST_CASE("reads a name in lower case and leaves the cursor after it") {
    const Bytes octets = joined({name("API.Example.COM"), {7}});
    Reader cursor(octets);
    const auto read = WireName::read(cursor);
    REQUIRE(read);
    CHECK(read->text() == "api.example.com");
    CHECK(cursor.u8() == 7);
    CHECK(*read == *plain(name("api.EXAMPLE.com")));
  }

  TEST_CASE("reads the root") {
    const auto root = plain({0});
    REQUIRE(root);
    CHECK(root->is_root());
    CHECK(*root == WireName());
    CHECK(root->text() == ".");
    CHECK_FALSE(root->host_name());
    CHECK_FALSE(root->suffixes().begin() != root->suffixes().end());
  }

  TEST_CASE("accepts a name of 255 octets and refuses one of 256") {
    REQUIRE(long_name(61).size() == 255);
    CHECK(plain(long_name(61)));
    CHECK(plain(long_name(62)).error() == NameFault::too_long);
    Bytes many;
    for (int i = 0; i < 127; ++i) many += label("x");
    many.push_back(0);
    CHECK(plain(many));
    many.insert(many.begin(), {1, 'x'});
    CHECK(plain(many).error() == NameFault::too_long);
  }

  TEST_CASE("refuses a name that is cut short anywhere") {
    const Bytes whole = name("www.example.com");
    for (size_t size = 0; size < whole.size(); ++size)
      CHECK(plain(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))).error() ==
            NameFault::cut_short);
  }

  TEST_CASE("refuses labels of 64 octets and more, and unused kinds of labels") {
    for (const int length : {0x40, 0x41, 0x7f, 0x80, 0xbf}) {
      Bytes octets(300, 'a');
      octets[0] = static_cast<uint8_t>(length);
      CHECK(plain(octets).error() == NameFault::label_kind);
    }
  }

  TEST_CASE("refuses pointers where they are not allowed") {
    CHECK(plain(pointer(12)).error() == NameFault::pointer);
    CHECK(plain(joined({label("a"), pointer(0)})).error() == NameFault::pointer);
  }

  TEST_CASE("follows pointers only backwards, and leaves the cursor after the first") {
    Bytes message(12, 0);
    message += name("example.com");                          // at 12
    const Bytes tail = joined({label("WWW"), pointer(12)});  // at 25
    message += tail;
    message += joined({label("a"), pointer(25), {9}});
    Reader cursor(message);
    cursor.seek(31);
    const auto read = WireName::read_compressed(cursor);
    REQUIRE(read);
    CHECK(read->text() == "a.www.example.com");
    CHECK(cursor.u8() == 9);
  }

  TEST_CASE("refuses pointers that loop, lead forward, to themselves or into the header") {
    Bytes message(12, 0);
    CHECK(compressed(joined({message, pointer(12)}), 12).error() == NameFault::pointer);
    CHECK(compressed(joined({message, pointer(14), pointer(12)}), 12).error() == NameFault::pointer);
    CHECK(compressed(joined({message, pointer(14), pointer(12)}), 14).error() == NameFault::pointer);
    CHECK(compressed(joined({message, label("a"), pointer(12)}), 12).error() == NameFault::pointer);
    CHECK(compressed(joined({message, label("a"), pointer(13)}), 12).error() == NameFault::pointer);
    CHECK(compressed(joined({message, pointer(4)}), 12).error() == NameFault::pointer);
    CHECK(compressed(joined({message, {0xc0}}), 12).error() == NameFault::cut_short);
  }

  TEST_CASE("refuses a name with too many pointers") {
    Bytes message(12, 0);
    message.push_back(0);  // at 12, the end of the chain
    for (size_t hop = 0; hop < 65; ++hop) message += pointer(hop == 0 ? 12 : 13 + 2 * (hop - 1));
    CHECK(compressed(message, 13 + 2 * 63));
    CHECK(compressed(message, 13 + 2 * 64).error() == NameFault::pointer_hops);
  }

  TEST_CASE("refuses a name that compression makes longer than 255 octets") {
    Bytes message(12, 0);
    message += long_name(61);
    const size_t position = message.size();
    message += joined({label("x"), pointer(12)});
    CHECK(compressed(message, position).error() == NameFault::too_long);
  }

  TEST_CASE("equals the host name it was made from") {
    for (const char* text : {"a", "api.anthropic.com", "_dmarc.example.com", "xn--bcher-kva.example"}) {
      const auto wire = WireName::from(*HostName::parse(text));
      CHECK(wire == *plain(name(text)));
      REQUIRE(wire.host_name());
      CHECK(wire.host_name()->text() == text);
    }
    const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(61, 'd');
    CHECK(WireName::from(*HostName::parse(longest)).host_name()->text() == longest);
  }

  TEST_CASE("converts only to an equal host name") {
    using namespace std::string_view_literals;
    for (const auto odd : {"evil\0"sv, "a.b"sv, "a b"sv, "*"sv, "b\xc3\xbc"sv, "a\\"sv, "-a"sv, "a-"sv})
      CHECK_FALSE(plain(joined({label(odd), name("example.com")}))->host_name());
    CHECK_FALSE(plain(joined({label("api.anthropic.com"), {0}}))->host_name());
    CHECK_FALSE(plain(name("1.2.3.4"))->host_name());
  }

  TEST_CASE("has a text form in which no two names look the same") {
    using namespace std::string_view_literals;
    CHECK(plain(joined({label("a.b"), name("c")}))->text() == "a\\.b.c");
    CHECK(plain(joined({label("a\0b"sv), name("c")}))->text() == "a\\000b.c");
    CHECK(plain(joined({label("\\"), name("\xff\x7f ")}))->text() == "\\\\.\\255\\127\\032");
  }

  TEST_CASE("returns its parent names, nearest first") {
    const auto deep = *plain(name("a.bc.def"));
    std::vector<Bytes> seen;
    for (const auto suffix : deep.suffixes()) seen.emplace_back(suffix.begin(), suffix.end());
    CHECK(seen == std::vector<Bytes>{name("a.bc.def"), name("bc.def"), name("def")});
  }

  TEST_CASE("order and hash do not depend on letter case") {
    const ostiary::HashKey key{1, 2};
    CHECK(hash(key, *plain(name("ExAmple"))) == hash(key, *plain(name("eXaMPLE"))));
    CHECK(hash(key, *plain(name("example"))) != hash(ostiary::HashKey{1, 3}, *plain(name("example"))));
    CHECK(hash(key, *plain(name("example"))) != hash(key, *plain(name("exampl"))));
    CHECK(*plain(name("a")) < *plain(name("b")));
    CHECK(*plain(name("A")) <= *plain(name("a")));
  }
}
