// An agent that leaves orphans to process 1, its parent. Prints two measurements as JSON.

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(EXIT_FAILURE);
}

pid_t forked() {
  const pid_t child = ::fork();
  if (child < 0) give_up("fork");
  return child;
}

void await(pid_t child) {
  if (::waitpid(child, nullptr, 0) != child) give_up("waitpid");
}

void await_gone(std::span<const pid_t> processes) {
  for (const pid_t each : processes)
    while (::kill(each, 0) == 0) ::usleep(50);
}

// The processor time of process 1 since its start, in nanoseconds.
int64_t processor_time_of_process_1() {
  std::ifstream file("/proc/1/schedstat");
  int64_t time = 0;
  if (!(file >> time)) give_up("schedstat");
  return time;
}

// The orphans end before their parent does, so that process 1 inherits all of them at once.
int64_t at_once(std::span<pid_t> orphans, Clock::time_point& parents_end) {
  const pid_t parent = forked();
  if (parent == 0) {
    for (pid_t& each : orphans) {
      const pid_t orphan = forked();
      if (orphan == 0) ::_exit(0);
      each = orphan;
      siginfo_t ended{};
      ::waitid(P_PID, static_cast<id_t>(orphan), &ended, WEXITED | WNOWAIT);
    }
    parents_end = Clock::now();
    ::_exit(0);
  }
  await(parent);
  await_gone(orphans);
  return std::chrono::nanoseconds(Clock::now() - parents_end).count();
}

int64_t one_by_one(std::span<pid_t> orphans) {
  const int64_t before = processor_time_of_process_1();
  for (pid_t& each : orphans) {
    const pid_t parent = forked();
    if (parent == 0) {
      if (const pid_t orphan = forked(); orphan != 0) each = orphan;
      ::_exit(0);
    }
    await(parent);
  }
  await_gone(orphans);
  return processor_time_of_process_1() - before;
}

// Memory that this process shares with its children.
template <typename T>
std::span<T> shared(size_t count) {
  void* memory =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) give_up("mmap");
  return {static_cast<T*>(memory), count};
}

}  // namespace

int main(int argc, char** argv) {
  size_t count = 0;
  if (argc == 2) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), count);
  if (count == 0 || ::getppid() != 1) {
    std::fputs("usage: orphans COUNT, as a child of process 1\n", stderr);
    return EXIT_FAILURE;
  }
  const auto orphans = shared<pid_t>(count);
  const auto together = static_cast<long long>(at_once(orphans, shared<Clock::time_point>(1).front()));
  const auto single = static_cast<long long>(one_by_one(orphans));
  std::printf("{\"at_once_ns\": %lld, \"one_by_one_ns\": %lld}\n", together, single);
}
