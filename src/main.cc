// The program: wiring, and the one place that turns an error into an exit status.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/base/process_name.h"
#include "ostiary/cli/command_line.h"
#include "ostiary/cli/commands.h"
#include "ostiary/gate/gate.h"
#include "ostiary/plan/helpers.h"

namespace {

using ostiary::keeper::HelperProgram;

constexpr std::array programs{HelperProgram{"gate", ostiary::gate::run}};

// Opens /dev/null on each of input, output and error that is closed, so that no file that we open
// later can get one of these numbers.
ostiary::Result<> fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() returns the lowest free number, which is `fd`: every lower number is open by now.
    if (::open("/dev/null", O_RDWR) != fd)
      return std::unexpected(ostiary::Error::system("/dev/null", ostiary::Exit::unavailable));
  }
  return {};
}

ostiary::Result<int> run(const std::vector<std::string>& arguments) {
  ostiary::set_process_name("ostiary");  // for any name of the file
  TRY(fill_standard_descriptors());
  auto invocation = TRY(ostiary::cli::parse_command_line(arguments));
  return ostiary::cli::execute(std::move(invocation), environ, programs);
}

// The keeper starts each helper from our own file, under a name of its own.
ostiary::keeper::HelperMain find_helper(int argc, char** argv) {
  for (const auto& helper : ostiary::plan::helpers)
    if (argc == 1 && std::string_view(argv[0]) == helper.process_name)
      return ostiary::keeper::main_of(programs, helper);
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const auto helper = find_helper(argc, argv);
  const auto status = helper != nullptr ? helper() : run({argv + (argc > 0 ? 1 : 0), argv + argc});
  if (status) return *status;
  ostiary::log::error(status.error().message);
  return static_cast<int>(status.error().exit);
}
