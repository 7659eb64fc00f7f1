#include "ostiary/base/record.h"

#include <doctest/doctest.h>

using namespace ostiary;
using namespace std::string_literals;

namespace {

enum class Colour : uint8_t { red = 1, green = 2, none = 9 };
constexpr std::array colours{Colour::red, Colour::green};

std::string written() {
  return RecordWriter().enumerator(Colour::green).number(0xfedcba98).text("a\0b"s).text("").take();
}

bool is_malformed(std::string_view octets) {
  RecordReader reader(octets);
  reader.enumerator(colours);
  reader.number();
  reader.text();
  reader.text();
  return !reader.complete();
}

}  // namespace

TEST_SUITE("base/record") {
  TEST_CASE("a record is read as it was written, with any octets in its texts") {
    const std::string octets = written();
    RecordReader reader(octets);
    CHECK(reader.enumerator(colours) == Colour::green);
    CHECK(reader.number() == 0xfedcba98);
    CHECK(reader.text() == "a\0b"s);
    CHECK_FALSE(reader.complete());
    CHECK(reader.text().empty());
    CHECK(reader.complete());
  }

  TEST_CASE("a record that is cut, or longer than its fields, is malformed") {
    const std::string octets = written();
    CHECK_FALSE(is_malformed(octets));
    for (size_t size = 0; size < octets.size(); ++size) CHECK(is_malformed(octets.substr(0, size)));
    CHECK(is_malformed(octets + '\0'));
  }

  TEST_CASE("an enumerator that is not in the reader's list is malformed") {
    for (int value = 0; value < 256; ++value) {
      const std::string octets(1, static_cast<char>(value));
      RecordReader reader(octets);
      const Colour colour = reader.enumerator(colours);
      CHECK(reader.complete() == (value == 1 || value == 2));
      CHECK(colour == (value == 2 ? Colour::green : Colour::red));
    }
    const std::string octets = RecordWriter().enumerator(Colour::none).take();
    CHECK(is_malformed(octets + written().substr(1)));
  }

  TEST_CASE("a text that claims more octets than the record has is malformed") {
    const std::string octets = RecordWriter().number(0xffffffff).take() + "abc";
    RecordReader reader(octets);
    CHECK(reader.text().empty());
    CHECK(reader.failed());
    CHECK(reader.number() == 0);
    CHECK_FALSE(reader.complete());
  }
}
