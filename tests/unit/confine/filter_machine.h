// filter_machine.h: interprets a seccomp filter as the kernel does, for system calls of any
// architecture.
// This kernel may not run 32-bit programs. And without the filter it may return the same error as
// the filter does.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <linux/filter.h>
#include <linux/seccomp.h>

namespace ostiary::testing {

// Nothing if the kernel would not install this filter, or if it has an instruction that our filter
// does not use.
inline std::optional<uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& call) {
  uint32_t value = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (instruction.k % sizeof value != 0 || instruction.k >= sizeof call) return std::nullopt;
        std::memcpy(&value, reinterpret_cast<const char*>(&call) + instruction.k, sizeof value);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        value &= instruction.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += (value & instruction.k) != 0 ? instruction.jt : instruction.jf;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += value == instruction.k ? instruction.jt : instruction.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        at += value >= instruction.k ? instruction.jt : instruction.jf;
        break;
      case BPF_RET | BPF_K:
        return instruction.k;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace ostiary::testing
