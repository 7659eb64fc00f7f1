// Prints the mutants of the agent's confinement as lines of JSON. Needs root, to record the steps
// of confine().
#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/profile.h"
#include "confinement_mutants.h"
#include "mutated_confinement.h"
#include "ostiary/confine/confine.h"

namespace {

using ostiary::hunt::Change;

void print(const Change& change) {
  const nlohmann::json line{
      {"key", ostiary::hunt::key_of(change)}, {"part", change.part}, {"what", change.what}};
  std::printf("%s\n", line.dump().c_str());
}

// A child confines itself, and prints the steps that are not in `known`.
bool print_steps(uid_t user, std::set<std::string>& known) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return false;
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<std::string> steps;
    ostiary::hunt::record_steps(steps);
    const auto proof = ostiary::confine::confine(
        {.uid = user, .gid = user, .groups = {user}, .name = "", .home = "/", .shell = "/bin/sh"});
    std::string lines;
    for (const std::string& step : steps) lines += step + "\n";
    const bool written = ::write(ends[1], lines.data(), lines.size()) >= 0;
    if (!proof) std::fprintf(stderr, "%s\n", proof.error().message.c_str());
    ::_exit(proof && written ? 0 : 1);
  }
  ::close(ends[1]);
  std::FILE* const steps = ::fdopen(ends[0], "r");
  std::array<char, 256> line{};
  while (std::fgets(line.data(), line.size(), steps) != nullptr) {
    std::string step = line.data();
    step.pop_back();
    if (known.insert(step).second) print(ostiary::hunt::without_step(step));
  }
  std::fclose(steps);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status == 0;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): an exception ends the program with a message
int main() {
  const ostiary::confine::Profile& agent = ostiary::confine::agent_profile();
  for (const auto& mutant : ostiary::hunt::instruction_mutants(agent.filter)) print(mutant.change);
  for (const auto& mutant : ostiary::hunt::capability_mutants(agent.capabilities)) print(mutant.change);
  for (const auto& each : agent.expectations) print(ostiary::hunt::without_expectation(each.what));
  std::set<std::string> known;
  return print_steps(0, known) && print_steps(1000, known) ? EXIT_SUCCESS : EXIT_FAILURE;
}
