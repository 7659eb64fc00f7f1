// confine/filter.h: filters of system calls, which the compiler writes as BPF.
// Without libseccomp: it needs more time to compile the agent's rules than all other steps of the
// confinement together, and it compares whole registers, of which the kernel reads 32 bits.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

namespace ostiary::confine {

using FilterProgram = std::vector<sock_filter>;

constexpr void load(FilterProgram& out, size_t offset) {
  out.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
}
// The kernel reads an int: the caller may leave any value in the upper half of the register.
constexpr void load_argument(FilterProgram& out, size_t index) {
  static_assert(std::endian::native == std::endian::little, "an argument's low half comes first");
  load(out, offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}
constexpr void answer(FilterProgram& out, uint32_t verdict) {
  out.push_back(BPF_STMT(BPF_RET | BPF_K, verdict));
}
constexpr void answer_if_equal(FilterProgram& out, uint32_t value, uint32_t verdict) {
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
  answer(out, verdict);
}
// Runs `then`, which always answers, if the loaded value is `value`. Otherwise goes on behind it.
constexpr void if_equal(FilterProgram& out, uint32_t value, const FilterProgram& then) {
  if (then.size() > UINT8_MAX) std::unreachable();  // the jump is too far: this does not compile
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, static_cast<uint8_t>(then.size())));
  out.insert(out.end(), then.begin(), then.end());
}
constexpr void if_one_of(FilterProgram& out, uint32_t one, uint32_t other, const FilterProgram& then) {
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one, 1, 0));
  if_equal(out, other, then);
}

// The program that `write` returns, computed by the compiler, so that no start of a process waits
// for it.
template <FilterProgram (*write)()>
constexpr auto compiled() {
  std::array<sock_filter, write().size()> program{};
  static_assert(program.size() <= BPF_MAXINSNS);
  std::ranges::copy(write(), program.begin());
  return program;
}

}  // namespace ostiary::confine
