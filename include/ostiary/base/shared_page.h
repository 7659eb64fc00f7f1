// base/shared_page.h: a value in memory that processes share through a descriptor.
// - The size is sealed, so no process can shrink the memory while another has it mapped.
// - The value starts as T{}. It lives while a process has it mapped or holds the descriptor.
#pragma once

#include <memory>
#include <new>
#include <type_traits>

#include <fcntl.h>
#include <sys/mman.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

template <typename T>
class SharedPage {
  static_assert(std::is_standard_layout_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static Result<SharedPage> create(const char* name) {
    UniqueFd fd{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    if (!fd.valid() || ::ftruncate(fd.get(), sizeof(T)) != 0 || ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
      return std::unexpected(Error::system(name, Exit::unavailable));
    SharedPage page = TRY(attach(std::move(fd), name));
    new (page.value_.get()) T{};
    return page;
  }

  // Maps a page that create() made in another process.
  static Result<SharedPage> attach(UniqueFd fd, const char* name) {
    void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return std::unexpected(Error::system(name, Exit::unavailable));
    return SharedPage(std::move(fd), static_cast<T*>(memory));
  }

  T& operator*() const { return *value_; }
  // A child process inherits it and passes it to attach().
  int fd() const { return fd_.get(); }

 private:
  struct Unmap {
    void operator()(T* value) const noexcept { ::munmap(value, sizeof(T)); }
  };
  SharedPage(UniqueFd fd, T* value) : fd_(std::move(fd)), value_(value) {}

  UniqueFd fd_;
  std::unique_ptr<T, Unmap> value_;
};

}  // namespace ostiary
