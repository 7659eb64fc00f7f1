#include "ostiary/connect/stack.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>

#include "ostiary/base/escape.h"

namespace ostiary::connect {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view script_name = "stack";

// Relative to the program's directory: of an installation, and of a build.
constexpr std::array places{"../share/ostiary/stack", "../container/stack"};

bool has_script(const fs::path& directory) {
  std::error_code error;
  return fs::is_regular_file(directory / script_name, error);
}

}  // namespace

Result<std::string> find_stack(const std::string& directory) {
  std::error_code error;
  if (!directory.empty()) {
    if (has_script(directory)) return (fs::absolute(directory, error) / script_name).string();
    return fail(Exit::missing_input, "--stack " + escape_controls(directory) +
                                         ": has no file \"stack\": name the directory container/stack");
  }
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : places)
    if (has_script(own / place)) return fs::canonical(own / place / script_name, error).string();
  return fail(Exit::missing_input,
              "there is no stack beside ostiary: write --stack DIR, the directory container/stack of "
              "ostiary's source");
}

Result<int> run_stack(const std::string& script, std::span<const std::string> arguments, char** environment) {
  std::vector<char*> words{const_cast<char*>(script.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  if (const int error = ::posix_spawn(&child, script.c_str(), nullptr, nullptr, words.data(), environment);
      error != 0)
    return fail(Exit::not_executable, escape_controls(script) + ": " + std::system_category().message(error) +
                                          ": install ostiary anew");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return fail(Exit::unavailable, escape_controls(script) + " was ended by a signal: run the command again");
}

}  // namespace ostiary::connect
