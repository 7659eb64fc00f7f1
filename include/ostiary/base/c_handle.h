// base/c_handle.h: an owner for a C library's handle, one line a type:
//   using NftContext = std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>>;
#pragma once

#include <memory>

namespace ostiary {

template <auto Free>
struct CDelete {
  void operator()(auto* handle) const noexcept { Free(handle); }
};

}  // namespace ostiary
