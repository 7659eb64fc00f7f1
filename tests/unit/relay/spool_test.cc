#include "relay/spool.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>

#include "ostiary/base/record.h"
#include "relay/gzip.h"
#include "relay/limits.h"
#include "scratch.h"
#include "spool_file.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using ostiary::testing::lacks_root;
using namespace std::string_literals;
using Bodies = std::vector<std::string>;

namespace {

constexpr size_t plenty = size_t{1} << 20U;
// A record with a body of so many octets takes a block of 4096.
constexpr size_t block_of_body = 4064;

Post post(std::string body) {
  return {.signal = telemetry::Signal::logs, .body = std::move(body)};
}

void add(Spool& spool, const Bodies& bodies) {
  for (const std::string& body : bodies) REQUIRE(spool.add(post(body)));
}

// Delivers everything. Returns the bodies, oldest first.
Bodies deliver(Spool& spool) {
  Bodies bodies;
  while (auto front = spool.front()) {
    CHECK(front->post.signal == telemetry::Signal::logs);
    bodies.push_back(std::move(front->post.body));
    spool.pop(*front);
  }
  CHECK(spool.empty());
  CHECK(spool.octets() == 0);
  CHECK(spool.posts() == 0);
  return bodies;
}

Bodies found_in(const UniqueFd& file) {
  Spool spool = open_spool(file, plenty);
  return deliver(spool);
}

// A file that a process has left with these posts, and none delivered.
UniqueFd file_with(const Bodies& bodies) {
  UniqueFd file = memory_file();
  Spool spool = open_spool(file, plenty);
  add(spool, bodies);
  return file;
}

size_t blocks_of(const UniqueFd& file) {
  return static_cast<size_t>(status_of(file).st_blocks) * 512;
}

// Waits for a child that runs this.
template <typename Work>
void in_another_process(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

// A limit of file sizes, for this process.
struct SmallFiles {
  explicit SmallFiles(rlim_t octets) {
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{.rlim_cur = octets, .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;
  ~SmallFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
  }
  rlimit before{};
  void (*handler)(int) = ::signal(SIGXFSZ, SIG_IGN);
};

// A file on a file system that cannot free a part of it.
UniqueFd file_without_holes() {
  const UniqueFd configuration{::fsopen("ramfs", FSOPEN_CLOEXEC)};
  REQUIRE(::fsconfig(configuration.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0);
  const UniqueFd mount{::fsmount(configuration.get(), FSMOUNT_CLOEXEC, 0)};
  UniqueFd file{::openat(mount.get(), "spool", O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  REQUIRE(file.valid());
  REQUIRE(::ftruncate(file.get(), 4096) == 0);
  REQUIRE(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0);
  REQUIRE(::ftruncate(file.get(), 0) == 0);
  return file;
}

// The earlier format has checksums of 32 bits.
std::string with_crc(RecordWriter& writer) {
  const std::string octets = writer.take();
  const uLong crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(octets.data()), octets.size());
  return octets + RecordWriter().number(static_cast<uint32_t>(crc)).take();
}

Bodies large_bodies(int count) {
  Bodies bodies;
  for (int i = 0; i < count; ++i) bodies.push_back(std::to_string(i) + std::string(65536, 'x'));
  return bodies;
}

}  // namespace

TEST_SUITE("relay/spool") {
  TEST_CASE("the oldest post comes first, and stays the oldest until it is delivered") {
    Spool spool = memory_spool(plenty);
    CHECK_FALSE(spool.front().has_value());
    REQUIRE(spool.add({.signal = telemetry::Signal::metrics, .body = "a"}));
    add(spool, {"b"});
    for (int i = 0; i < 2; ++i) {
      CHECK(spool.front()->post.body == "a");
      CHECK(spool.front()->post.signal == telemetry::Signal::metrics);
    }
    spool.pop(*spool.front());
    add(spool, {"", "c"});
    CHECK(spool.posts() == 3);
    CHECK(deliver(spool) == Bodies{"b", "", "c"});
    CHECK(spool.displaced() == 0);
  }

  TEST_CASE("the next process finds what is not delivered, and the count of displaced posts") {
    const UniqueFd file = memory_file();
    const size_t room = 3 * Spool::octets_of(post("0123456789"));
    in_another_process([&] {
      Spool spool = open_spool(file, room);
      add(spool, {"0", "1", "2", "3", "4"});
      spool.pop(*spool.front());
    });
    in_another_process([&] {
      Spool spool = open_spool(file, room);
      add(spool, {"5", "6"});
    });
    Spool spool = open_spool(file, room);
    CHECK(spool.recovery().posts == 3);
    CHECK(spool.recovery().octets_given_up == 0);
    CHECK(spool.displaced() == 3);
    CHECK(spool.octets() == room);
    CHECK(deliver(spool) == Bodies{"4", "5", "6"});
    CHECK(open_spool(file, room).displaced() == 3);
    add(spool, {"7"});
    CHECK(found_in(file) == Bodies{"7"});
    CHECK(open_spool(file, room).displaced() == 3);
  }

  TEST_CASE("the newest posts displace the oldest, and each is counted") {
    Spool spool = memory_spool(3 * Spool::octets_of(post("0123456789")));
    add(spool, {"0123456789", "b", "c", "d"});
    CHECK(spool.displaced() == 1);
    add(spool, {std::string(60, 'e')});
    CHECK(spool.displaced() == 3);
    CHECK(deliver(spool) == Bodies{"d", std::string(60, 'e')});
  }

  TEST_CASE("a post that is displaced while it is sent is delivered once, and no other in its place") {
    Spool spool = memory_spool(2 * Spool::octets_of(post("a")));
    add(spool, {"a", "b"});
    const auto sent = spool.front();
    add(spool, {"c"});
    spool.pop(*sent);
    CHECK(deliver(spool) == Bodies{"b", "c"});
    spool.pop(*sent);
    add(spool, {"d"});
    spool.pop(*sent);
    CHECK(deliver(spool) == Bodies{"d"});
  }

  TEST_CASE("posts without a body take room too, and one beyond the limit displaces itself alone") {
    const UniqueFd file = memory_file();
    Spool spool = open_spool(file, 2 * Spool::octets_of(post("")));
    for (int i = 0; i < 5; ++i) add(spool, {""});
    CHECK(spool.displaced() == 3);
    add(spool, {std::string(200, 'x')});
    CHECK(spool.displaced() == 4);
    CHECK(deliver(spool) == Bodies{"", ""});
    Spool empty = memory_spool(100);
    add(empty, {std::string(200, 'x')});
    CHECK(empty.empty());
    CHECK(empty.displaced() == 1);
  }

  TEST_CASE("of a file that is cut at any octet, every whole post is found") {
    const Bodies bodies{"", "one", std::string(100, '2'), "three"};
    const std::string whole = content_of(file_with(bodies));
    std::vector<size_t> ends;
    for (size_t count = 1; count <= bodies.size(); ++count)
      ends.push_back(static_cast<size_t>(
          status_of(file_with(Bodies(bodies.begin(), bodies.begin() + static_cast<long>(count)))).st_size));
    for (size_t size = 0; size <= whole.size(); ++size) {
      const UniqueFd file = memory_file(whole.substr(0, size));
      Spool spool = open_spool(file, plenty);
      const auto kept =
          static_cast<size_t>(std::ranges::count_if(ends, [&](size_t end) { return end <= size; }));
      CHECK(spool.recovery().posts == kept);
      if (size == whole.size()) CHECK(spool.recovery().octets_given_up == 0);
      add(spool, {"new"});
      Bodies expected(bodies.begin(), bodies.begin() + static_cast<long>(kept));
      expected.emplace_back("new");
      CHECK(found_in(file) == expected);
    }
  }

  TEST_CASE("a bit that is flipped costs at most the post that has it, and is noticed there") {
    const Bodies bodies{"zero", std::string(40, '1'), "two"};
    const UniqueFd original = file_with(bodies);
    const std::string whole = content_of(original);
    size_t lost = 0;
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      Spool spool = open_spool(memory_file(flipped), plenty);
      const uint64_t given_up = spool.recovery().octets_given_up;
      const Bodies found = deliver(spool);
      if (found == bodies) {
        CHECK(given_up == 0);
        continue;
      }
      ++lost;
      CHECK(bit / 8 >= 1024);
      CHECK(given_up > 0);
      bool is_one_missing = false;
      for (size_t missing = 0; missing < bodies.size(); ++missing) {
        Bodies others = bodies;
        others.erase(others.begin() + static_cast<long>(missing));
        is_one_missing = is_one_missing || found == others;
      }
      CHECK(is_one_missing);
    }
    CHECK(lost >= 8 * (4 + 40 + 3));
  }

  TEST_CASE("a post whose record is damaged does not come back as the records within it") {
    // The agent has copied a spool of its own into the body.
    const std::string forged = content_of(file_with({"forged"}));
    const UniqueFd file = file_with({"first", std::string(32, 'x') + forged, "last"});
    std::string content = content_of(file);
    content[content.find("xxx") - 32] ^= 1;
    CHECK(found_in(memory_file(content)) == Bodies{"first", "last"});
  }

  TEST_CASE("a file that is no spool is given up") {
    for (const std::string& content : {std::string(5000, 'x'), std::string("x"), std::string(1024, '\0')}) {
      const UniqueFd file = memory_file(content);
      Spool spool = open_spool(file, plenty);
      CHECK(spool.empty());
      CHECK(spool.recovery().octets_given_up == content.size());
      CHECK(status_of(file).st_size == 0);
      add(spool, {"a"});
      CHECK(found_in(file) == Bodies{"a"});
    }
  }

  TEST_CASE("a file of the earlier format is given up as a whole") {
    RecordWriter slot;
    for (const uint32_t number : {0U, 7U, 0U, 1U, 0U, 1024U, 0U, 0U}) slot.number(number);
    std::string content = with_crc(slot);
    content.resize(1024);
    RecordWriter body;  // 8 octets
    const std::string checksum = with_crc(body.text("body"));
    RecordWriter header;
    header.number(0).number(7).enumerator(telemetry::Signal::logs).number(8);
    content += with_crc(header.number(RecordReader(checksum.substr(checksum.size() - 4)).number()));
    content.resize(1024 + 32);
    content += checksum.substr(0, checksum.size() - 4);
    Spool spool = open_spool(memory_file(content), plenty);
    CHECK(spool.empty());
    CHECK(spool.recovery().octets_given_up == content.size());
    add(spool, {"new"});
    CHECK(deliver(spool) == Bodies{"new"});
  }

  TEST_CASE("a file with a hole of many gigabytes is read within the limit") {
    const UniqueFd file = file_with({"a"});
    REQUIRE(::ftruncate(file.get(), off_t{1} << 50U) == 0);
    Spool spool = open_spool(file, 4096);
    CHECK(spool.recovery().posts == 1);
    CHECK(spool.recovery().octets_given_up > (size_t{1} << 50U) - 2 * relay::limits::recovered_octets);
    CHECK(status_of(file).st_size < 4096);
    CHECK(deliver(spool) == Bodies{"a"});
  }

  TEST_CASE("a spool that has become smaller keeps the newest posts") {
    const UniqueFd file = file_with({"a", "b", "c"});
    Spool spool = open_spool(file, 2 * Spool::octets_of(post("a")));
    CHECK(spool.displaced() == 1);
    CHECK(deliver(spool) == Bodies{"b", "c"});
  }

  TEST_CASE("a full disk is an error for the new post, and the others stay") {
    const UniqueFd file = memory_file();
    Spool spool = open_spool(file, plenty);
    add(spool, {"a", "b"});
    {
      const SmallFiles limit(2048);
      CHECK_FALSE(spool.add(post(std::string(4096, 'c'))));
      add(spool, {"d"});
      CHECK_FALSE(spool.add(post(std::string(4096, 'e'))));
    }
    add(spool, {"f"});
    CHECK(open_spool(file, plenty).recovery().octets_given_up == 0);
    CHECK(deliver(spool) == Bodies{"a", "b", "d", "f"});
    const SmallFiles limit(100);
    const UniqueFd none = memory_file();
    Spool never = open_spool(none, plenty);
    CHECK_FALSE(never.add(post("a")));
    CHECK(never.empty());
  }

  TEST_CASE("a process that ends in the middle of a write leaves the posts before") {
    const UniqueFd file = file_with({"a"});
    const size_t before = content_of(file).size();
    {
      Spool spool = open_spool(file, plenty);
      add(spool, {std::string(1000, 'b')});
    }
    std::string content = content_of(file);
    const size_t record = content.find("bbb") - 32;
    content.replace(record, 32, 32, '\0');  // the header is written last
    CHECK(record >= before);
    Spool spool = open_spool(memory_file(content), plenty);
    CHECK(spool.recovery().octets_given_up == 1000);
    CHECK(deliver(spool) == Bodies{"a"});
  }

  TEST_CASE("a post that became damaged while it waited counts as displaced") {
    const UniqueFd file = memory_file();
    Spool spool = open_spool(file, plenty);
    add(spool, {"aaaa", "b"});
    const size_t at = content_of(file).find("aaaa");
    REQUIRE(::pwrite(file.get(), "x", 1, static_cast<off_t>(at)) == 1);
    CHECK(deliver(spool) == Bodies{"b"});
    CHECK(spool.displaced() == 1);
  }

  TEST_CASE("posts of one signal that follow each other are merged, up to a limit") {
    Spool spool = memory_spool(plenty);
    add(spool, {"aaaa", "bb", "c"});
    REQUIRE(spool.add({.signal = telemetry::Signal::metrics, .body = "m"}));
    add(spool, {"d"});
    const auto merged = [&](size_t octets) {
      const auto front = spool.front(octets);
      return std::pair{front->post.body, front->posts};
    };
    CHECK(merged(0) == std::pair{"aaaa"s, uint64_t{1}});
    CHECK(merged(5) == std::pair{"aaaa"s, uint64_t{1}});
    CHECK(merged(6) == std::pair{"aaaabb"s, uint64_t{2}});
    CHECK(merged(plenty) == std::pair{"aaaabbc"s, uint64_t{3}});
    spool.pop(*spool.front(6));
    CHECK(spool.posts() == 3);
    CHECK(merged(plenty) == std::pair{"c"s, uint64_t{1}});
    spool.pop(*spool.front(plenty));
    CHECK(spool.front(plenty)->post.signal == telemetry::Signal::metrics);
    CHECK(merged(plenty) == std::pair{"m"s, uint64_t{1}});
    spool.pop(*spool.front(plenty));
    CHECK(deliver(spool) == Bodies{"d"});
  }

  TEST_CASE("a compressed post is not merged") {
    const std::string compressed = gzip("b").value();
    for (const Bodies& bodies :
         {Bodies{compressed, "a"}, Bodies{"a", compressed}, Bodies{compressed, compressed}}) {
      Spool spool = memory_spool(plenty);
      add(spool, bodies);
      CHECK(spool.front(plenty)->post.body == bodies[0]);
      CHECK(deliver(spool) == bodies);
    }
  }

  TEST_CASE("a post that cannot be read is not merged") {
    for (const long before_body : {0, 32}) {
      const UniqueFd file = memory_file();
      Spool spool = open_spool(file, plenty);
      add(spool, {"aaaa", "bbbb", "c"});
      const auto at = static_cast<off_t>(content_of(file).find("bbbb")) - before_body;
      REQUIRE(::pwrite(file.get(), "x", 1, at) == 1);
      CHECK(spool.front(plenty)->post.body == "aaaa");
      CHECK(deliver(spool) == Bodies{"aaaa", "c"});
    }
  }

  TEST_CASE("of merged posts some of which were displaced while they were sent, the rest is delivered") {
    Spool spool = memory_spool(3 * Spool::octets_of(post("a")));
    add(spool, {"a", "b", "c"});
    const auto sent = spool.front(plenty);
    REQUIRE(sent->posts == 3);
    add(spool, {"d", "e"});
    CHECK(spool.displaced() == 2);
    spool.pop(*sent);
    CHECK(deliver(spool) == Bodies{"d", "e"});
    spool.pop(*sent);
    add(spool, {"f"});
    spool.pop(*sent);
    CHECK(deliver(spool) == Bodies{"f"});
  }

  TEST_CASE("the file takes no more space than the posts, and none if there are none") {
    const UniqueFd file = memory_file();
    constexpr size_t posts = 16;
    Spool spool = open_spool(file, posts * (block_of_body + 32));
    for (size_t i = 0; i < 10 * posts; ++i) {
      add(spool, {std::string(block_of_body, 'x')});
      if (i % 2 == 0) spool.pop(*spool.front());
      // the slots, and two pages that are used in part
      CHECK(blocks_of(file) <= spool.octets() + size_t{3} * 4096);
    }
    CHECK(status_of(file).st_size > 20 * 4096);
    for (size_t i = spool.posts(); i > 1; --i) {
      spool.pop(*spool.front());
      CHECK(blocks_of(file) <= spool.octets() + size_t{3} * 4096);
    }
    spool.pop(*spool.front());
    CHECK(status_of(file).st_size <= 1024);
    CHECK(status_of(file).st_blocks * 512 <= 4096);
    const UniqueFd undisplaced = file_with({"a", "b"});
    CHECK(found_in(undisplaced) == Bodies{"a", "b"});
    CHECK(status_of(undisplaced).st_size == 0);
    CHECK(status_of(undisplaced).st_blocks == 0);
  }

  TEST_CASE("the space of a damaged place is freed") {
    const UniqueFd file = file_with({"a", std::string(64 * block_of_body, 'b'), "c"});
    std::string content = content_of(file);
    content[content.find("bbb") - 32] ^= 1;
    const UniqueFd damaged = memory_file(content);
    Spool spool = open_spool(damaged, plenty);
    CHECK(blocks_of(damaged) <= size_t{4} * 4096);
    CHECK(deliver(spool) == Bodies{"a", "c"});
    CHECK(spool.displaced() == 0);
  }

  TEST_CASE("where a file system has no holes, the file stays small and no post is lost") {
    if (lacks_root()) return;
    const UniqueFd file = file_without_holes();
    constexpr size_t limit = 2 * plenty;
    const Bodies bodies = large_bodies(80);
    size_t expected = 0;
    size_t added = 0;
    off_t largest = 0;
    while (added < bodies.size()) {
      Spool spool = open_spool(file, limit);
      for (int i = 0; i < 20; ++i) {
        add(spool, {bodies[added++]});
        if (i % 4 == 0) continue;
        const auto front = spool.front();
        REQUIRE(front->post.body == bodies[expected++]);
        spool.pop(*front);
        largest = std::max(largest, status_of(file).st_size);
      }
      CHECK(spool.recovery().octets_given_up == 0);
      CHECK(spool.displaced() == 0);
    }
    CHECK(largest < static_cast<off_t>(2 * limit));
    Spool spool = open_spool(file, limit);
    CHECK(deliver(spool) == Bodies(bodies.begin() + static_cast<long>(expected), bodies.end()));
    for (const std::string& body : bodies) {
      add(spool, {body});
      CHECK(status_of(file).st_size < static_cast<off_t>(2 * limit + 65536 * 2));
    }
    CHECK(spool.octets() <= limit);
    CHECK(deliver(spool).back() == bodies.back());
  }

  TEST_CASE("a process that ends while it moves the posts to the front loses none") {
    if (lacks_root()) return;
    const UniqueFd file = file_without_holes();
    const Bodies bodies = large_bodies(17);
    std::string before;
    Bodies left = bodies;
    {
      Spool spool = open_spool(file, 2 * plenty);
      add(spool, bodies);
      do {
        before = content_of(file);
        left.erase(left.begin());
        spool.pop(*spool.front());
      } while (content_of(file).size() == before.size() && left.size() > 1);
    }
    const std::string after = content_of(file);
    REQUIRE(left.size() == 1);
    const Bodies left_before{bodies[bodies.size() - 2], bodies.back()};
    for (size_t moved = 1024; moved < after.size(); moved += 4096)
      CHECK(found_in(memory_file(after.substr(1024, moved - 1024).insert(0, before.substr(0, 1024)) +
                                 before.substr(moved))) == left_before);
    CHECK(found_in(memory_file(after + before.substr(after.size()))) == left);
    CHECK(found_in(memory_file(after)) == left);
  }

  TEST_CASE("ten thousand posts come in order, through several processes") {
    const UniqueFd file = memory_file();
    constexpr int count = 10'000;
    int next = 0;
    int expected = 0;
    for (int process = 0; process < 4; ++process) {
      Spool spool = open_spool(file, plenty);
      CHECK(spool.posts() == static_cast<uint64_t>(next - expected));
      for (int i = 0; i < count / 4; ++i) add(spool, {std::to_string(next++)});
      for (int i = 0; i < count / 5; ++i) {
        const auto front = spool.front();
        REQUIRE(front->post.body == std::to_string(expected++));
        spool.pop(*front);
      }
    }
    const Bodies rest = found_in(file);
    CHECK(rest.size() == static_cast<size_t>(next - expected));
    CHECK(rest.front() == std::to_string(expected));
    CHECK(rest.back() == std::to_string(count - 1));
  }
}
