// relay/spool.h: telemetry that waits for the collector, oldest first.
// - It holds at most its limit of octets. The newest telemetry displaces the oldest.
// - Each displaced post is counted.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "relay/post.h"

namespace ostiary::relay {

class Spool {
 public:
  explicit Spool(size_t max_octets) : max_octets_(max_octets) {}

  void add(Post post);
  // Takes the oldest.
  std::optional<Post> take();
  // The post was not delivered: it is the oldest again.
  void put_back(Post post);

  bool empty() const { return posts_.empty(); }
  size_t octets() const { return octets_; }
  size_t posts() const { return posts_.size(); }
  uint64_t displaced() const { return displaced_; }

 private:
  void displace();

  size_t max_octets_;
  std::deque<Post> posts_;
  size_t octets_ = 0;
  uint64_t displaced_ = 0;
};

}  // namespace ostiary::relay
