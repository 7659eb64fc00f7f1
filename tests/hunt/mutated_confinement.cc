#include "mutated_confinement.h"

#include <array>
#include <cstdarg>

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/enter_domain.h"
#include "confine/profile.h"
#include "confinement_mutants.h"
#include "mutant_key.h"
#include "ostiary/confine/confine.h"

namespace {

using ostiary::Result;
using ostiary::confine::Confined;
using ostiary::confine::Domain;
using ostiary::confine::Expectation;
using ostiary::confine::Identity;
using ostiary::confine::Profile;
namespace hunt = ostiary::hunt;

const std::string& own_key() {
  static const std::string key = hunt::key_of_this_program();
  return key;
}

bool is_own(const hunt::Change& change) {
  return hunt::key_of(change) == own_key();
}

bool is_confining = false;
std::vector<std::string>* recorded = nullptr;

// Whether this step is the one to skip.
bool is_left_out(const std::string& call) {
  if (!is_confining) return false;
  if (recorded != nullptr) recorded->push_back(call);
  return is_own(hunt::without_step(call));
}

// Dropping a capability that this machine lacks changes nothing.
bool has(unsigned long capability) {
  return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;
}

}  // namespace

namespace ostiary::hunt {

void record_steps(std::vector<std::string>& steps) {
  recorded = &steps;
}

}  // namespace ostiary::hunt

// The profile
// --------------------------------------------------------------------------------------------------

namespace {

std::vector<sock_filter> mutate_filter(std::span<const sock_filter> real) {
  std::vector<sock_filter> made(real.begin(), real.end());
  for (const auto& mutant : hunt::instruction_mutants(real))
    if (is_own(mutant.change)) made[mutant.at] = mutant.instruction;
  return made;
}

std::vector<unsigned> mutate_capabilities(std::span<const unsigned> real) {
  for (const auto& mutant : hunt::capability_mutants(real))
    if (is_own(mutant.change)) return mutant.kept;
  return {real.begin(), real.end()};
}

std::vector<Expectation> mutate_expectations(std::span<const Expectation> real) {
  std::vector<Expectation> made(real.begin(), real.end());
  std::erase_if(made, [](const Expectation& each) { return is_own(hunt::without_expectation(each.what)); });
  return made;
}

}  // namespace

const Profile& real_profile() asm("__real__ZN7ostiary7confine13agent_profileEv");
const Profile& mutated_profile() asm("__wrap__ZN7ostiary7confine13agent_profileEv");
const Profile& mutated_profile() {
  static const auto filter = mutate_filter(real_profile().filter);
  static const auto capabilities = mutate_capabilities(real_profile().capabilities);
  static const auto expectations = mutate_expectations(real_profile().expectations);
  static const Profile profile = [] {
    Profile made = real_profile();
    made.filter = filter;
    made.capabilities = capabilities;
    made.expectations = expectations;
    return made;
  }();
  return profile;
}

// The steps
// --------------------------------------------------------------------------------------------------

Result<Confined> real_confine(const Identity& identity) asm(
    "__real__ZN7ostiary7confine7confineERKNS0_8IdentityE");
Result<Confined> mutated_confine(const Identity& identity) asm(
    "__wrap__ZN7ostiary7confine7confineERKNS0_8IdentityE");
Result<Confined> mutated_confine(const Identity& identity) {
  is_confining = true;
  auto result = real_confine(identity);
  is_confining = false;
  return result;
}

Result<> real_close() asm("__real__ZN7ostiary7confine25close_descriptors_at_execEv");
Result<> mutated_close() asm("__wrap__ZN7ostiary7confine25close_descriptors_at_execEv");
Result<> mutated_close() {
  return is_left_out("descriptors close at exec") ? Result<>() : real_close();
}

Result<> real_hide() asm("__real__ZN7ostiary7confine17hide_platform_apiEv");
Result<> mutated_hide() asm("__wrap__ZN7ostiary7confine17hide_platform_apiEv");
Result<> mutated_hide() {
  return is_left_out("the platform's socket is hidden") ? Result<>() : real_hide();
}

Result<> real_expect_none(const Result<>& hidden) asm(
    "__real__ZN7ostiary7confine22expect_no_platform_apiERKSt8expectedIvNS_5ErrorEE");
Result<> mutated_expect_none(const Result<>& hidden) asm(
    "__wrap__ZN7ostiary7confine22expect_no_platform_apiERKSt8expectedIvNS_5ErrorEE");
Result<> mutated_expect_none(const Result<>& hidden) {
  return is_left_out("that it is hidden is read back") ? Result<>() : real_expect_none(hidden);
}

Result<> real_enter(Domain domain) asm("__real__ZN7ostiary7confine12enter_domainENS0_6DomainE");
Result<> mutated_enter(Domain domain) asm("__wrap__ZN7ostiary7confine12enter_domainENS0_6DomainE");
Result<> mutated_enter(Domain domain) {
  return is_left_out("a Landlock domain is entered") ? Result<>() : real_enter(domain);
}

// The linker defines these names.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

int __real_setgroups(size_t count, const gid_t* groups);
int __wrap_setgroups(size_t count, const gid_t* groups) {
  return is_left_out("setgroups") ? 0 : __real_setgroups(count, groups);
}

int __real_setresgid(gid_t real, gid_t effective, gid_t saved);
int __wrap_setresgid(gid_t real, gid_t effective, gid_t saved) {
  return is_left_out("setresgid") ? 0 : __real_setresgid(real, effective, saved);
}

int __real_setresuid(uid_t real, uid_t effective, uid_t saved);
int __wrap_setresuid(uid_t real, uid_t effective, uid_t saved) {
  return is_left_out("setresuid") ? 0 : __real_setresuid(real, effective, saved);
}

int __real_sigprocmask(int how, const sigset_t* set, sigset_t* before);
int __wrap_sigprocmask(int how, const sigset_t* set, sigset_t* before) {
  return is_left_out("sigprocmask") ? 0 : __real_sigprocmask(how, set, before);
}

int __real_capng_update(capng_act_t action, capng_type_t type, unsigned capability);
int __wrap_capng_update(capng_act_t action, capng_type_t type, unsigned capability) {
  const std::string which = std::to_string(capability) + " of sets " + std::to_string(type);
  return has(capability) && is_left_out("capng_update " + which)
             ? 0
             : __real_capng_update(action, type, capability);
}

void __real_capng_clear(capng_select_t set);
void __wrap_capng_clear(capng_select_t set) {
  if (!is_left_out("capng_clear")) __real_capng_clear(set);
}

int __real_capng_apply(capng_select_t set);
int __wrap_capng_apply(capng_select_t set) {
  return is_left_out("capng_apply " + std::to_string(set)) ? 0 : __real_capng_apply(set);
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...) {
  std::array<unsigned long, 4> arguments{};
  va_list given;
  va_start(given, option);
  for (unsigned long& argument : arguments) argument = va_arg(given, unsigned long);
  va_end(given);
  const std::string call = "prctl " + std::to_string(option) + " " + std::to_string(arguments[0]);
  const bool changes = option != PR_CAPBSET_READ && (option != PR_CAPBSET_DROP || has(arguments[0]));
  if (changes && is_left_out(call)) return 0;
  return __real_prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  std::array<long, 6> arguments{};
  va_list given;
  va_start(given, number);
  for (long& argument : arguments) argument = va_arg(given, long);
  va_end(given);
  const std::string call = "system call " + std::to_string(number) + " " + std::to_string(arguments[0]);
  if (number != SYS_gettid && is_left_out(call)) return 0;
  return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                        arguments[5]);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
