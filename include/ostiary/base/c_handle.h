// base/c_handle.h: owns a handle of a C library. Each type takes one line:
//   using NftContext = std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>>;
#pragma once

#include <memory>

namespace ostiary {

template <auto Free>
struct CDelete {
  void operator()(auto* handle) const noexcept { Free(handle); }
};

}  // namespace ostiary
