// Runs as the agent, or in a container inside the agent's: workers that run one program after
// another until the operator stops them.
//   hunt_agent run GRAMMAR SHARED REQUEST WORKERS SEED MASK STAGE…
//   hunt_agent print GRAMMAR SEED MASK     prints the program of a seed
// GRAMMAR is agent, relayed, named, relayed-named or inside. MASK is words separated by commas, or "-".
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "shared.h"

namespace ostiary::hunt {

namespace {

struct Settings {
  Grammar grammar;
  const char* request;
  uint64_t seed;
  Mask mask;
  Stage stage;
  size_t first_worker;  // agents that share a page have different slots there
};

Mask parse_mask(const std::string& text) {
  Mask out;
  std::istringstream words(text == "-" ? "" : text);
  for (std::string word; std::getline(words, word, ',');) out.push_back(word);
  return out;
}

Grammar parse_grammar(const char* text) {
  constexpr std::pair<const char*, Grammar> names[] = {{"relayed", Grammar::relayed},
                                                       {"named", Grammar::named},
                                                       {"relayed-named", Grammar::relayed_named},
                                                       {"inside", Grammar::inside}};
  for (const auto& [name, grammar] : names)
    if (std::strcmp(text, name) == 0) return grammar;
  return Grammar::agent;
}

void remember(Worker& worker, uint64_t seed) {
  const uint64_t number = worker.programs.load(std::memory_order_relaxed);
  worker.recent[number % limits::remembered].store(seed, std::memory_order_relaxed);
  worker.programs.store(number + 1, std::memory_order_release);
}

void run(Machine& machine, const Program& program, uint64_t seed, pid_t self) {
  machine.run(program, seed);
  if (::getpid() != self) ::_exit(0);  // the child of a fork step
}

// Runs the programs that the operator wrote to the request file.
void run_request(Shared& shared, const Settings& settings, Machine& machine, pid_t self) {
  const uint64_t request = shared.request.load();
  if (request == shared.request_done.load()) return;
  std::stringstream text;
  text << std::ifstream(settings.request).rdbuf();
  std::string problem;
  auto program = parse(text.str(), problem);
  if (!program) std::fprintf(stderr, "hunt: not a step: %s\n", problem.c_str());
  // A container inside makes only raw packets. The agent lacks the capability for them.
  if (program && settings.grammar == Grammar::inside)
    std::erase_if(*program, [](const Step& step) { return step.kind != Kind::raw; });
  for (uint32_t turn = 0; program && turn < shared.times.load(); ++turn)
    run(machine, *program, shared.request_seed.load() + turn, self);
  shared.request_done.store(request);
}

[[noreturn]] void work(Shared& shared, const Settings& settings, size_t number, std::array<int, 2> exchange) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGCHLD, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  const pid_t self = ::getpid();
  const bool takes_requests = number == 0;
  Worker& worker = shared.workers[settings.first_worker + number];
  // A restarted worker runs other programs than before.
  Random seeds(settings.seed + 0x10001 * (number + 1) + worker.programs.load());
  Machine machine(settings.stage, exchange[0], exchange[1]);
  while (shared.stop.load(std::memory_order_relaxed) == 0) {
    if (takes_requests) run_request(shared, settings, machine, self);
    if (shared.pause.load(std::memory_order_relaxed) != 0) {
      ::usleep(500);
      continue;
    }
    const uint64_t seed = seeds.next();
    remember(worker, seed);
    run(machine, generate(seed, settings.grammar, settings.mask), seed, self);
  }
  ::_exit(0);
}

int run_workers(Shared& shared, const Settings& settings, size_t workers) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::array<int, 2> exchange{};
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, exchange.data()) != 0) return EXIT_FAILURE;
  std::array<pid_t, limits::workers> children{};
  const auto start = [&](size_t number) {
    children[number] = ::fork();
    if (children[number] == 0) work(shared, settings, number, exchange);
  };
  for (size_t number = 0; number < workers; ++number) start(number);
  std::puts("hunting");
  std::fflush(stdout);
  while (true) {
    const pid_t ended = ::waitpid(-1, nullptr, 0);
    if (ended < 0) return EXIT_SUCCESS;
    for (size_t number = 0; number < workers; ++number) {
      if (children[number] != ended || shared.stop.load() != 0) continue;
      shared.restarts.fetch_add(1);
      start(number);
    }
  }
}

}  // namespace
}  // namespace ostiary::hunt

int main(int argc, char** argv) {
  using namespace ostiary::hunt;
  if (argc == 5 && std::strcmp(argv[1], "print") == 0) {
    const uint64_t seed = std::strtoull(argv[3], nullptr, 0);
    std::cout << text(generate(seed, parse_grammar(argv[2]), parse_mask(argv[4])));
    return EXIT_SUCCESS;
  }
  if (argc != 8 + Stage::arguments || std::strcmp(argv[1], "run") != 0) {
    std::fputs("usage: run GRAMMAR SHARED REQUEST WORKERS SEED MASK STAGE… | print GRAMMAR SEED MASK\n",
               stderr);
    return EXIT_FAILURE;
  }
  const Grammar grammar = parse_grammar(argv[2]);
  const Settings settings{grammar,
                          argv[4],
                          std::strtoull(argv[6], nullptr, 0),
                          parse_mask(argv[7]),
                          Stage::parse(argv + 8),
                          grammar == Grammar::inside ? limits::workers - 1 : size_t{0}};
  return run_workers(map_shared(argv[3]), settings, std::strtoul(argv[5], nullptr, 10));
}
