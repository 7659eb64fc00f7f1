// relay/spool.h: telemetry that waits for the collector, oldest first, in a file.
// - The file outlives the process: the next one finds every whole post, and the count of displaced
//   posts. A machine that stops may lose what its file system has not written.
// - It holds at most its limit of octets. The newest telemetry displaces the oldest.
// - The space of delivered posts is freed when it is 1/64 of the limit. An empty spool that has displaced no
//   post is an empty file; otherwise it is one block. Where the file system has no holes, the records move to
//   the front when those that are gone take more space: the file takes at most twice the limit, or 1 MiB more
//   than it.
// - A post may be delivered twice if the process ends in between, and none is lost.
// - The content of a post cannot pass for a post of its own, however the file is damaged: each record
//   has the file's random mark. The agent must not be able to read the file.
// - The calls are fstat, pread, pwrite, ftruncate and fallocate. The process must ignore SIGXFSZ.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "relay/post.h"

namespace ostiary::relay {

class Spool {
 public:
  // What an earlier process left.
  struct Recovery {
    uint64_t posts = 0;
    uint64_t octets_given_up = 0;  // in which no whole post was found
  };
  // The oldest post, merged with those behind it.
  struct Front {
    uint64_t number = 0;  // of the oldest one
    uint64_t posts = 1;
    Post post;
  };

  // The file is readable and writable, and no other process uses it.
  static Result<Spool> open(UniqueFd file, size_t max_octets);
  // What a post takes.
  static size_t octets_of(const Post& post);

  // An error if the disk is full: the post is not held.
  Result<> add(const Post& post);
  // Nothing if there is none. A post that can no longer be read counts as displaced. Posts of one signal are merged as long
  // as they have no more octets than this together, and are not compressed: a request of OTLP behind another is one request.
  std::optional<Front> front(size_t merged_octets = 0);
  // These posts are done with. Does nothing for those that newer posts have displaced.
  void pop(const Front& front) { pop(front.number, front.posts); }

  bool empty() const { return head_ == tail_; }
  uint64_t oldest_number() const { return removed_; }
  size_t octets() const { return octets_; }
  uint64_t posts() const { return posts_; }
  uint64_t displaced() const { return displaced_; }
  const Recovery& recovery() const { return recovery_; }

 private:
  struct Record {
    uint64_t at = 0;
    telemetry::Signal signal{};
    uint32_t length = 0;  // of the body
    uint64_t checksum = 0;
  };
  static uint64_t end_of(const Record& record);

  Spool(UniqueFd file, size_t max_octets) : file_(std::move(file)), max_octets_(max_octets) {}

  Result<> recover(uint64_t size);
  std::optional<uint64_t> read_slots();
  void keep_whole_records(uint64_t end);
  std::optional<Record> find(uint64_t at, uint64_t end, uint64_t& skipped) const;
  std::optional<Record> read_record(std::string_view octets, uint64_t at, uint64_t end) const;
  bool is_whole(const Record& record) const;
  Result<> write_record(const Post& post);
  std::optional<Record> oldest();
  bool read(const Record& record, std::string& body) const;
  void merge(Front& front, uint64_t end, size_t max_octets) const;
  void pop(uint64_t number, uint64_t posts);
  bool remove_oldest();
  void displace(size_t max_octets);
  void free_space();
  void free_range(uint64_t from, uint64_t to);
  void reuse_space();
  bool copy(const Record& record, uint64_t mark, uint64_t to) const;
  void start_over();
  void describe();
  Result<> write_slot();
  Result<> write_slots();

  UniqueFd file_;
  size_t max_octets_;
  uint64_t mark_ = 0;      // of this file, in each record
  uint64_t sequence_ = 0;  // of the newest slot
  uint64_t head_ = 0;      // offset of the oldest record, or of a damaged place in front of it
  uint64_t tail_ = 0;      // offset of the next record
  uint64_t free_ = 0;      // the space in front of this offset is free
  size_t octets_ = 0;
  uint64_t posts_ = 0;
  uint64_t displaced_ = 0;
  uint64_t removed_ = 0;       // by this process: the number of the oldest post
  bool is_described_ = false;  // the slots describe this state
  bool has_holes_ = true;      // the file system has them, as far as is known
  Recovery recovery_;
};

}  // namespace ostiary::relay
