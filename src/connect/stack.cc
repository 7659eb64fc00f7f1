#include "ostiary/connect/stack.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "ostiary/base/child.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::connect {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view script_name = "stack";

// Relative to the program's directory: of an installation, and of a build.
constexpr std::array places{"../share/ostiary/stack", "../container/stack"};

constexpr size_t max_answer = 4096;

bool has_script(const fs::path& directory) {
  std::error_code error;
  return fs::is_regular_file(directory / script_name, error);
}

// `output` becomes the script's standard output; without it, ours does.
Result<pid_t> start(const Stack& stack, std::span<const std::string> arguments,
                    const std::optional<UniqueFd>& output) {
  std::vector<char*> words{const_cast<char*>(stack.script.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output) ::posix_spawn_file_actions_adddup2(&actions, output->get(), STDOUT_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawn(&child, stack.script.c_str(), &actions, nullptr, words.data(), stack.environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  return fail(Exit::not_executable, escape_controls(stack.script) + ": " +
                                        std::system_category().message(error) + ": install ostiary anew");
}

Result<int> end_of(pid_t child, const Stack& stack) {
  return wait_for_exit_status(child, escape_controls(stack.script));
}

std::string read_all(const UniqueFd& input) {
  std::string text(max_answer, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t octets = ::read(input.get(), text.data() + size, text.size() - size);
    if (octets < 0 && errno == EINTR) continue;
    if (octets <= 0) break;
    size += static_cast<size_t>(octets);
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<Stack> find_stack(const std::string& directory, char** environment) {
  std::error_code error;
  if (!directory.empty()) {
    if (has_script(directory))
      return Stack{(fs::absolute(directory, error) / script_name).string(), environment};
    return fail(Exit::missing_input, "--stack " + escape_controls(directory) +
                                         ": has no file \"stack\": name the directory container/stack");
  }
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : places)
    if (has_script(own / place))
      return Stack{fs::canonical(own / place / script_name, error).string(), environment};
  return fail(Exit::missing_input,
              "there is no stack beside ostiary: write --stack DIR, the directory container/stack of "
              "ostiary's source");
}

Result<int> run(const Stack& stack, std::span<const std::string> arguments) {
  return end_of(TRY(start(stack, arguments, std::nullopt)), stack);
}

Result<std::string> endpoint_of(const Stack& stack) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(Error::system("pipe", Exit::unavailable));
  const UniqueFd input{ends[0]};
  std::optional<UniqueFd> output{std::in_place, ends[1]};
  const pid_t child = TRY(start(stack, std::array{std::string("endpoint")}, output));
  output.reset();
  std::string text = read_all(input);
  const int status = TRY(end_of(child, stack));
  if (text.ends_with('\n')) text.pop_back();
  if (status == 0) return text;
  return fail(Exit::unavailable, "\"" + escape_controls(stack.script) + " endpoint\" failed with status " +
                                     std::to_string(status));
}

}  // namespace ostiary::connect
