// The file of a spool that any process may have left. What is found in it is within the bound and can be
// delivered. A spool that was opened is as good as a new one: it takes a post, and the next process finds
// the same posts. Of a whole file that is then damaged in one place, at most one post is lost.
#include <algorithm>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "relay/spool.h"

using namespace ostiary;
using namespace ostiary::relay;

namespace {

constexpr size_t max_octets = 4096;
using Bodies = std::vector<std::string>;

UniqueFd file_with(std::string_view content) {
  UniqueFd file{::memfd_create("spool", MFD_CLOEXEC)};
  HOLDS(::pwrite(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return file;
}

size_t size_of(const UniqueFd& file) {
  struct stat status{};
  HOLDS(::fstat(file.get(), &status) == 0);
  return static_cast<size_t>(status.st_size);
}

std::string content_of(const UniqueFd& file) {
  std::string content(size_of(file), '\0');
  HOLDS(::pread(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return content;
}

Spool open(const UniqueFd& file) {
  auto spool = Spool::open(UniqueFd{::dup(file.get())}, max_octets);
  HOLDS(spool.has_value());
  HOLDS(spool->octets() <= max_octets);
  return *std::move(spool);
}

Bodies deliver(const UniqueFd& file) {
  Spool spool = open(file);
  const uint64_t posts = spool.posts();
  Bodies bodies;
  while (auto front = spool.front()) {
    bodies.push_back(front->post.body);
    spool.pop(*front);
  }
  HOLDS(bodies.size() == posts && spool.empty() && spool.octets() == 0);
  HOLDS(size_of(file) <= 1024);
  return bodies;
}

void check_any_file(std::string_view content) {
  const UniqueFd file = file_with(content);
  const Spool first = open(file);
  HOLDS(first.recovery().octets_given_up <= content.size());
  const std::string left = content_of(file);
  Spool second = open(file_with(left));
  HOLDS(second.posts() == first.posts() && second.octets() == first.octets());
  HOLDS(second.displaced() == first.displaced());
  const UniqueFd copy = file_with(left);
  HOLDS(open(copy).add({.signal = {}, .body = "new"}).has_value());
  const Bodies found = deliver(copy);
  HOLDS(!found.empty() && found.back() == "new");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  check_any_file(fuzz::as_text({data, size}));
  // A file as a process leaves it.
  const UniqueFd file = file_with({});
  Bodies bodies;
  {
    Spool spool = open(file);
    for (size_t i = input.octet() % 8U; i > 0; --i) {
      const std::string body(fuzz::as_text(input.take(input.octet())));
      HOLDS(spool.add({.signal = telemetry::Signal::logs, .body = body}).has_value());
      bodies.push_back(body);
    }
  }
  std::string content = content_of(file);
  HOLDS(deliver(file) == bodies);
  if (content.empty()) return 0;
  content[input.number() % content.size()] ^= static_cast<char>(input.octet());
  check_any_file(content);
  const Bodies found = deliver(file_with(content));
  HOLDS(found.size() + 1 >= bodies.size());
  auto next = bodies.begin();
  for (const std::string& each : found) {
    next = std::find(next, bodies.end(), each);
    HOLDS(next != bodies.end());
    ++next;
  }
  check_any_file(content.substr(0, input.number() % content.size()));
  return 0;
}
