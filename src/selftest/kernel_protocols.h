// selftest/kernel_protocols.h: which socket protocols this kernel has loaded.
// To open a socket of another protocol would make the kernel load a module, only for a probe.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::selftest {

class KernelProtocols {
 public:
  static KernelProtocols read();

  // `name` as in /proc/net/protocols: "UDP-Lite", "PACKET". True if that cannot be read.
  bool has(std::string_view name) const;

 private:
  explicit KernelProtocols(std::string table) : table_(std::move(table)) {}
  std::string table_;
};

}  // namespace ostiary::selftest
