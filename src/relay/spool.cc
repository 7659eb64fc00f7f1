#include "relay/spool.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL  // without the library's file
#include <xxhash.h>

#include "ostiary/base/record.h"
#include "relay/gzip.h"
#include "relay/limits.h"

namespace ostiary::relay {
namespace {

// The file: two slots, of which the newer counts, and then the records. A slot has the file's mark,
// a sequence number, the offset of the oldest record, the count of displaced posts, and a checksum.
// A record begins at a multiple of `unit` with its header: the mark, the signal, the length and the
// checksum of the body, and a checksum of the header. The body follows. The header is written last.
constexpr uint64_t first_record = 1024;
constexpr uint64_t slot_distance = 512;
constexpr uint64_t unit = 32;
constexpr uint64_t page = 4096;
// Less space than this is not used again before the spool is empty.
constexpr uint64_t least_reused = 1U << 20U;
constexpr uint64_t largest_offset = std::numeric_limits<int64_t>::max() / 2;
constexpr std::array signals{telemetry::Signal::traces, telemetry::Signal::metrics, telemetry::Signal::logs};
constexpr size_t header_octets = 29;
constexpr size_t slot_octets = 40;
// A file of another format has no valid slot. It is given up as a whole.
constexpr uint64_t format = 2;
static_assert(header_octets <= unit && 2 * slot_distance <= first_record && first_record % unit == 0);

constexpr uint64_t in_units(uint64_t octets) {
  return (octets + unit - 1) / unit * unit;
}

RecordWriter& put(RecordWriter& writer, uint64_t number) {
  return writer.number(static_cast<uint32_t>(number >> 32U)).number(static_cast<uint32_t>(number));
}

uint64_t get(RecordReader& reader) {
  const uint64_t high = reader.number();
  return high << 32U | reader.number();
}

uint64_t checksum_of(std::string_view octets) {
  return ::XXH3_64bits_withSeed(octets.data(), octets.size(), format);
}

// With its checksum.
std::string sealed(RecordWriter& writer) {
  const std::string octets = writer.take();
  RecordWriter checksum;
  put(checksum, checksum_of(octets));
  return octets + checksum.take();
}

bool is_sealed(std::string_view octets) {
  const size_t size = octets.size() - sizeof(uint64_t);
  RecordReader checksum(octets.substr(size));
  return get(checksum) == checksum_of(octets.substr(0, size));
}

struct Slot {
  uint64_t mark = 0;
  uint64_t sequence = 0;
  uint64_t head = 0;
  uint64_t displaced = 0;
};

std::string written(const Slot& slot) {
  RecordWriter writer;
  put(put(put(put(writer, slot.mark), slot.sequence), slot.head), slot.displaced);
  return sealed(writer);
}

std::string header(uint64_t mark, telemetry::Signal signal, uint32_t length, uint64_t checksum) {
  RecordWriter writer;
  std::string octets = sealed(put(put(writer, mark).enumerator(signal).number(length), checksum));
  octets.resize(unit);
  return octets;
}

std::optional<Slot> read_slot(std::string_view octets) {
  if (octets.size() < slot_octets || !is_sealed(octets)) return std::nullopt;
  RecordReader reader(octets);
  Slot slot{.mark = get(reader)};
  slot.sequence = get(reader);
  slot.head = get(reader);
  slot.displaced = get(reader);
  return slot;
}

// Less than the room at the end of the file, or if reading fails.
std::string_view read_at(int fd, uint64_t at, std::span<char> room) {
  size_t size = 0;
  while (size < room.size()) {
    const ssize_t got = ::pread(fd, room.data() + size, room.size() - size, static_cast<off_t>(at + size));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  return {room.data(), size};
}

Result<> write_at(int fd, uint64_t at, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t size = ::pwrite(fd, octets.data(), octets.size(), static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::unexpected(Error::system("the spool of telemetry", Exit::unavailable));
    octets.remove_prefix(static_cast<size_t>(size));
    at += static_cast<uint64_t>(size);
  }
  return {};
}

bool is_zero(std::string_view octets) {
  return octets.empty() || (octets[0] == '\0' && octets.substr(1) == octets.substr(0, octets.size() - 1));
}

// The octets of the units that hold anything. Those of freed space do not.
uint64_t octets_with_content(std::string_view octets) {
  uint64_t count = 0;
  for (; !octets.empty(); octets.remove_prefix(std::min<size_t>(unit, octets.size()))) {
    const std::string_view each = octets.substr(0, unit);
    if (!is_zero(each)) count += each.size();
  }
  return count;
}

}  // namespace

size_t Spool::octets_of(const Post& post) {
  return in_units(unit + post.body.size());
}

uint64_t Spool::end_of(const Record& record) {
  return record.at + in_units(unit + record.length);
}

Result<Spool> Spool::open(UniqueFd file, size_t max_octets) {
  Spool spool(std::move(file), max_octets);
  struct stat status{};
  if (::fstat(spool.file_.get(), &status) != 0)
    return std::unexpected(Error::system("the spool of telemetry", Exit::unavailable));
  if (::getrandom(&spool.mark_, sizeof spool.mark_, 0) != sizeof spool.mark_)
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  TRY(spool.recover(static_cast<uint64_t>(status.st_size)));
  return spool;
}

Result<> Spool::recover(uint64_t size) {
  const auto head = read_slots();
  const bool has_records = head && *head >= first_record && *head % unit == 0 && *head <= size;
  head_ = tail_ = has_records ? *head : first_record;
  free_ = first_record;
  if (!has_records) {
    // After the last record the file is cut, and then the slots are written.
    const bool was_empty = head && size <= first_record;
    if (!was_empty) recovery_.octets_given_up = size;
  } else {
    const uint64_t end = std::min(size, *head + limits::recovered_octets);
    recovery_.octets_given_up = size - end;
    keep_whole_records(end);
  }
  recovery_.posts = posts_;
  if (posts_ == 0) {
    start_over();
  } else {
    if (size > tail_ && ::ftruncate(file_.get(), static_cast<off_t>(tail_)) != 0)
      return std::unexpected(Error::system("the spool of telemetry", Exit::unavailable));
    displace(max_octets_);
    free_space();
    describe();
    reuse_space();
  }
  return {};
}

// Reads the newer slot. Returns its offset of the oldest record.
std::optional<uint64_t> Spool::read_slots() {
  std::optional<Slot> newest;
  for (const uint64_t at : {uint64_t{0}, slot_distance}) {
    std::array<char, slot_octets> room{};
    const auto slot = read_slot(read_at(file_.get(), at, room));
    if (slot && (!newest || slot->sequence > newest->sequence)) newest = slot;
  }
  if (!newest) return std::nullopt;
  mark_ = newest->mark;
  sequence_ = newest->sequence;
  displaced_ = newest->displaced;
  is_described_ = true;
  return newest->head;
}

void Spool::keep_whole_records(uint64_t end) {
  std::optional<uint64_t> oldest;
  for (uint64_t at = head_; const auto record = find(at, end, recovery_.octets_given_up);) {
    const uint64_t next = end_of(*record);
    if (is_whole(*record)) {
      if (!oldest) oldest = record->at;
      octets_ += next - record->at;
      ++posts_;
      // A damaged place behind it takes no space.
      if (record->at > tail_ && tail_ > head_) free_range(tail_, record->at);
      tail_ = next;
    } else {
      recovery_.octets_given_up += std::min(next, end) - record->at;
    }
    at = next;
  }
  if (oldest) head_ = *oldest;
}

// With the header at the start of the octets, which are at least a unit.
std::optional<Spool::Record> Spool::read_record(std::string_view octets, uint64_t at, uint64_t end) const {
  RecordReader reader(octets);
  if (get(reader) != mark_ || !is_sealed(octets.substr(0, header_octets))) return std::nullopt;
  Record record{.at = at};
  record.signal = reader.enumerator(signals);
  record.length = reader.number();
  record.checksum = get(reader);
  if (reader.failed() || record.length > end - at - unit) return std::nullopt;
  return record;
}

// The first record at this offset or after it. Adds up the octets in front of it that hold anything.
std::optional<Spool::Record> Spool::find(uint64_t at, uint64_t end, uint64_t& skipped) const {
  std::array<char, 65536> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  size_t wanted = unit;          // a record is usually followed by the next one
  while (at < end) {
    const size_t size = std::min<uint64_t>(std::exchange(wanted, room.size()), end - at);
    const std::string_view octets = read_at(file_.get(), at, std::span(room).first(size));
    if (octets.empty()) break;
    for (size_t i = is_zero(octets) ? octets.size() : 0; i + unit <= octets.size(); i += unit) {
      if (auto record = read_record(octets.substr(i), at + i, end)) {
        skipped += octets_with_content(octets.substr(0, i));
        return record;
      }
    }
    const size_t looked_at = octets.size() < unit ? octets.size() : octets.size() / unit * unit;
    if (!is_zero(octets)) skipped += octets_with_content(octets.substr(0, looked_at));
    at += looked_at;
  }
  return std::nullopt;
}

bool Spool::is_whole(const Record& record) const {
  std::array<char, 65536> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  XXH3_state_t checksum{};
  ::XXH3_64bits_reset_withSeed(&checksum, format);
  for (size_t done = 0; done < record.length;) {
    const size_t size = std::min<size_t>(room.size(), record.length - done);
    const std::string_view octets =
        read_at(file_.get(), record.at + unit + done, std::span(room).first(size));
    if (octets.size() < size) return false;
    ::XXH3_64bits_update(&checksum, octets.data(), octets.size());
    done += size;
  }
  return ::XXH3_64bits_digest(&checksum) == record.checksum;
}

Result<> Spool::add(const Post& post) {
  const size_t octets = octets_of(post);
  if (octets > max_octets_) {
    ++displaced_;
    describe();
    return {};
  }
  displace(max_octets_ - octets);
  if (!is_described_) TRY(write_slots());
  if (Result<> result = write_record(post); !result) {
    if (::ftruncate(file_.get(), static_cast<off_t>(tail_)) != 0) is_described_ = false;
    return result;
  }
  tail_ += octets;
  octets_ += octets;
  ++posts_;
  return {};
}

Result<> Spool::write_record(const Post& post) {
  if (tail_ > largest_offset)
    return fail(Exit::unavailable, "the spool of telemetry: the offset is too large");
  TRY(write_at(file_.get(), tail_ + unit, post.body));
  return write_at(
      file_.get(), tail_,
      header(mark_, post.signal, static_cast<uint32_t>(post.body.size()), checksum_of(post.body)));
}

// Frees what is in front of it.
std::optional<Spool::Record> Spool::oldest() {
  uint64_t skipped = 0;
  const auto record = find(head_, tail_, skipped);
  if (record && record->at > head_) {
    head_ = record->at;
    free_space();
  }
  return record;
}

// Appends the record's body. If it cannot be read, nothing is appended.
bool Spool::read(const Record& record, std::string& body) const {
  const size_t before = body.size();
  body.resize(before + record.length);
  const std::string_view octets =
      read_at(file_.get(), record.at + unit, std::span(body).subspan(before, record.length));
  const bool is_whole = octets.size() == record.length && checksum_of(octets) == record.checksum;
  if (!is_whole) body.resize(before);
  return is_whole;
}

std::optional<Spool::Front> Spool::front(size_t merged_octets) {
  while (const auto record = oldest()) {
    Front front{.number = removed_, .post = {.signal = record->signal, .body = {}}};
    if (read(*record, front.post.body)) {
      if (merged_octets > 0 && !is_gzip(front.post.body)) merge(front, end_of(*record), merged_octets);
      return front;
    }
    ++displaced_;
    pop(removed_, 1);
  }
  if (!empty()) start_over();
  return std::nullopt;
}

// With the posts behind it, which begin here.
void Spool::merge(Front& front, uint64_t end, size_t max_octets) const {
  std::string& body = front.post.body;
  while (front.posts < posts_) {
    uint64_t skipped = 0;
    const size_t before = body.size();
    const auto record = find(end, tail_, skipped);
    if (!record || record->at != end || record->signal != front.post.signal) return;
    if (before + record->length > max_octets || !read(*record, body)) return;
    if (is_gzip(std::string_view(body).substr(before))) return body.resize(before);
    end = end_of(*record);
    ++front.posts;
  }
}

void Spool::pop(uint64_t number, uint64_t posts) {
  if (empty() || removed_ < number || removed_ >= number + posts) return;
  while (removed_ < number + posts && !empty())
    if (!remove_oldest()) return start_over();
  if (empty()) return start_over();
  describe();
  free_space();
  reuse_space();
}

// Whether there was one. The caller describes the new state, and then frees the space.
bool Spool::remove_oldest() {
  const auto record = oldest();
  ++removed_;
  head_ = record ? end_of(*record) : tail_;
  octets_ -= std::min<size_t>(octets_, record ? end_of(*record) - record->at : octets_);
  posts_ -= std::min<uint64_t>(posts_, record ? 1 : posts_);
  return record.has_value();
}

void Spool::displace(size_t max_octets) {
  if (octets_ <= max_octets) return;
  while (octets_ > max_octets && remove_oldest()) ++displaced_;
  describe();
  free_space();
  reuse_space();
}

// What is in front of the oldest record is free. One call for many posts takes less time than one for each.
void Spool::free_space() {
  if (head_ - free_ < max_octets_ / 64) return;
  // Only whole pages can be freed: the first one may have been freed in part before.
  free_range(std::max(first_record, free_ / page * page), head_);
  free_ = head_;
}

void Spool::free_range(uint64_t from, uint64_t to) {
  if (from >= to || !has_holes_) return;
  int freed = 0;
  do {
    freed = ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
                        static_cast<off_t>(to - from));
  } while (freed != 0 && errno == EINTR);
  // Whatever the reason: otherwise the file would only grow.
  if (freed != 0) has_holes_ = false;
}

// Where the file system has no holes: writes the records to the front of the file, into space that is free
// and large enough. With a new mark, they alone count as soon as a slot has it. If a call fails before that,
// the file is as good as it was.
void Spool::reuse_space() {
  if (has_holes_ || head_ - first_record < std::max<uint64_t>(octets_, least_reused)) return;
  uint64_t mark = 0;
  if (::getrandom(&mark, sizeof mark, 0) != sizeof mark) return;
  uint64_t to = first_record;
  uint64_t count = 0;
  uint64_t skipped = 0;
  for (uint64_t at = head_; const auto record = find(at, tail_, skipped);) {
    const uint64_t size = end_of(*record) - record->at;
    if (to + size > head_ || !copy(*record, mark, to)) return;
    to += size;
    ++count;
    at = end_of(*record);
  }
  mark_ = mark;
  head_ = free_ = first_record;
  tail_ = to;
  octets_ = to - first_record;
  const uint64_t lost = posts_ - std::min(posts_, count);  // their headers are damaged
  removed_ += lost;
  displaced_ += lost;
  posts_ = count;
  is_described_ = false;
  describe();
  if (is_described_ && ::ftruncate(file_.get(), static_cast<off_t>(tail_)) != 0) is_described_ = false;
}

bool Spool::copy(const Record& record, uint64_t mark, uint64_t to) const {
  std::array<char, 65536> room;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (size_t done = 0; done < record.length;) {
    const size_t size = std::min<size_t>(room.size(), record.length - done);
    const auto octets = read_at(file_.get(), record.at + unit + done, std::span(room).first(size));
    if (octets.size() < size || !write_at(file_.get(), to + unit + done, octets)) return false;
    done += size;
  }
  return write_at(file_.get(), to, header(mark, record.signal, record.length, record.checksum)).has_value();
}

void Spool::start_over() {
  if (!empty()) ++removed_;
  head_ = tail_ = free_ = first_record;
  octets_ = 0;
  posts_ = 0;
  const uint64_t size = displaced_ == 0 ? 0 : first_record;
  is_described_ = false;
  if (::ftruncate(file_.get(), static_cast<off_t>(size)) == 0 && size > 0) (void)write_slots();
}

// If it fails, the next post is not taken before it has succeeded.
void Spool::describe() {
  is_described_ = (is_described_ ? write_slot() : write_slots()).has_value();
}

// In turn, so that one is whole at every moment.
Result<> Spool::write_slot() {
  ++sequence_;
  return write_at(file_.get(), sequence_ % 2 * slot_distance,
                  written({.mark = mark_, .sequence = sequence_, .head = head_, .displaced = displaced_}));
}

// No slot may have an offset beyond the oldest record: if one is damaged, the other counts.
Result<> Spool::write_slots() {
  TRY(write_slot());
  TRY(write_slot());
  is_described_ = true;
  return {};
}

}  // namespace ostiary::relay
