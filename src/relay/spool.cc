#include "relay/spool.h"

#include <utility>

namespace ostiary::relay {
namespace {

// What a post takes, also if it has no body.
size_t octets_of(const Post& post) {
  return sizeof post + post.body.size();
}

}  // namespace

void Spool::add(Post post) {
  octets_ += octets_of(post);
  posts_.push_back(std::move(post));
  displace();
}

void Spool::put_back(Post post) {
  octets_ += octets_of(post);
  posts_.push_front(std::move(post));
  displace();
}

void Spool::displace() {
  while (octets_ > max_octets_) {
    octets_ -= octets_of(posts_.front());
    posts_.pop_front();
    ++displaced_;
  }
}

std::optional<Post> Spool::take() {
  if (posts_.empty()) return std::nullopt;
  Post oldest = std::move(posts_.front());
  posts_.pop_front();
  octets_ -= octets_of(oldest);
  return oldest;
}

}  // namespace ostiary::relay
