// spool_file.h: files for a spool, in memory.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/spool.h"

namespace ostiary::relay::testing {

inline UniqueFd memory_file(std::string_view content = {}) {
  UniqueFd file{::memfd_create("spool", MFD_CLOEXEC)};
  REQUIRE(file.valid());
  REQUIRE(::pwrite(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return file;
}

inline UniqueFd duplicate(const UniqueFd& file) {
  return UniqueFd{::dup(file.get())};
}

inline Spool open_spool(const UniqueFd& file, size_t max_octets) {
  auto spool = Spool::open(duplicate(file), max_octets);
  REQUIRE(spool);
  return *std::move(spool);
}

inline Spool memory_spool(size_t max_octets) {
  return open_spool(memory_file(), max_octets);
}

inline struct stat status_of(const UniqueFd& file) {
  struct stat status{};
  REQUIRE(::fstat(file.get(), &status) == 0);
  return status;
}

inline std::string content_of(const UniqueFd& file) {
  std::string content(static_cast<size_t>(status_of(file).st_size), '\0');
  REQUIRE(::pread(file.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()));
  return content;
}

}  // namespace ostiary::relay::testing
