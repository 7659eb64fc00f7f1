// dns/address_list.h: a list of at most limits::addresses distinct addresses, without allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "ostiary/dns/limits.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::dns {

class AddressList {
 public:
  enum class Added : uint8_t { kept, known, full };

  Added add(const inet::IpAddress& address) {
    if (std::ranges::find(view(), address) != view().end()) return Added::known;
    if (size_ == addresses_.size()) return Added::full;
    addresses_[size_++] = address;
    return Added::kept;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::span<const inet::IpAddress> view() const { return std::span(addresses_).first(size_); }
  auto begin() const { return view().begin(); }
  auto end() const { return view().end(); }

 private:
  size_t size_ = 0;
  std::array<inet::IpAddress, limits::addresses> addresses_{};
};

}  // namespace ostiary::dns
