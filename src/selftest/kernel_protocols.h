// kernel_protocols.h: which socket protocols this kernel has loaded.
// Asking for one that it has not makes it load a module, for the sake of a probe.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::selftest {

class KernelProtocols {
 public:
  static KernelProtocols read();

  // "UDP-Lite", "PACKET". True where the kernel does not tell.
  bool has(std::string_view name) const;

 private:
  explicit KernelProtocols(std::string table) : table_(std::move(table)) {}
  std::string table_;
};

}  // namespace ostiary::selftest
