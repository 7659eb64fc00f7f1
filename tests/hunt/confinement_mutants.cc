#include "confinement_mutants.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>

#include "mutant_key.h"

namespace ostiary::hunt {
namespace {

std::string hexadecimal(uint32_t value) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%x", value);
  return text.data();
}

std::string architecture_of(uint32_t number) {
  switch (number) {
    case AUDIT_ARCH_X86_64:
      return "x86_64";
    case AUDIT_ARCH_I386:
      return "i386";
    case AUDIT_ARCH_AARCH64:
      return "aarch64";
    case AUDIT_ARCH_ARM:
      return "arm";
    default:
      return {};
  }
}

bool is_load(const sock_filter& instruction) {
  return BPF_CLASS(instruction.code) == BPF_LD;
}

class FilterMaker {
 public:
  explicit FilterMaker(std::span<const sock_filter> filter) {
    for (at_ = 0; at_ < filter.size(); ++at_) {
      is_ = filter[at_];
      if (const std::string name = architecture_of(is_.k); is_jump() && !name.empty()) architecture_ = name;
      if (is_load(is_)) of_load();
      if (BPF_CLASS(is_.code) == BPF_ALU) of_mask();
      if (is_jump()) of_jump();
      if (BPF_CLASS(is_.code) == BPF_RET) of_verdict();
    }
  }

  std::vector<InstructionMutant> made;

 private:
  bool is_jump() const { return BPF_CLASS(is_.code) == BPF_JMP; }

  void make(const char* kind, const std::string& what, const sock_filter& instruction) {
    const std::string number = std::to_string(at_);
    made.push_back({{"filter, " + architecture_ + ": " + kind, "instruction " + number + ": " + what},
                    at_,
                    instruction});
  }
  sock_filter with_value(uint32_t value) const {
    sock_filter changed = is_;
    changed.k = value;
    return changed;
  }

  void of_load() {
    for (uint32_t offset = 0; offset < sizeof(seccomp_data); offset += sizeof(uint32_t))
      if (offset != is_.k)
        make("loads", "load from " + std::to_string(offset) + " instead of " + std::to_string(is_.k),
             with_value(offset));
  }

  void of_mask() {
    for (unsigned bit = 0; bit < 32; ++bit)
      make("mask", "bit " + std::to_string(bit) + " of the mask flipped", with_value(is_.k ^ 1U << bit));
  }

  void of_jump() {
    const std::string about = " at " + hexadecimal(is_.k);
    sock_filter inverted = is_;
    std::swap(inverted.jt, inverted.jf);
    make("jumps", "inverted" + about, inverted);
    sock_filter never = is_;
    never.jt = is_.jf;
    make("jumps", "never taken" + about, never);
    sock_filter always = is_;
    always.jf = is_.jt;
    make("jumps", "always taken" + about, always);
    make("values", "one more" + about, with_value(is_.k + 1));
    make("values", "one less" + about, with_value(is_.k - 1));
  }

  void of_verdict() {
    const auto instead = [this](const char* what, uint32_t verdict) {
      if (verdict != is_.k)
        make("verdicts", what + (" instead of " + hexadecimal(is_.k)), with_value(verdict));
    };
    instead("allow", SECCOMP_RET_ALLOW);
    instead("EPERM", SECCOMP_RET_ERRNO | EPERM);
    instead("EINVAL", SECCOMP_RET_ERRNO | EINVAL);
  }

  size_t at_ = 0;
  sock_filter is_{};
  std::string architecture_ = "every architecture";
};

}  // namespace

std::vector<InstructionMutant> instruction_mutants(std::span<const sock_filter> filter) {
  return FilterMaker(filter).made;
}

std::vector<CapabilityMutant> capability_mutants(std::span<const unsigned> kept) {
  std::vector<CapabilityMutant> made;
  for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability) {
    std::vector<unsigned> changed(kept.begin(), kept.end());
    const bool is_kept = std::erase(changed, capability) > 0;
    if (!is_kept) changed.push_back(capability);
    made.push_back({{is_kept ? "capabilities kept" : "capabilities not kept",
                     (is_kept ? "without capability " : "with capability ") + std::to_string(capability)},
                    std::move(changed)});
  }
  return made;
}

Change without_expectation(const std::string& what) {
  return {"read back", "not read back: " + what};
}

Change without_step(const std::string& call) {
  return {"steps", "left out: " + call};
}

std::string key_of(const Change& change) {
  return key_of(std::string_view(change.part + change.what));
}

}  // namespace ostiary::hunt
