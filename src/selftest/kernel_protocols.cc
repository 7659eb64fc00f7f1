#include "kernel_protocols.h"

#include "ostiary/base/read_file.h"

namespace ostiary::selftest {
namespace {

constexpr size_t max_table = 65536;

}  // namespace

KernelProtocols KernelProtocols::read() {
  auto table = read_file("/proc/net/protocols", max_table);
  return KernelProtocols(table ? std::move(*table) : std::string());
}

bool KernelProtocols::has(std::string_view name) const {
  return table_.empty() || table_.contains("\n" + std::string(name) + " ");
}

}  // namespace ostiary::selftest
