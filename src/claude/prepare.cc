#include "ostiary/claude/prepare.h"

#include <chrono>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claude/claude_json.h"
#include "ostiary/base/own_file.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/keeper/spawn.h"

namespace ostiary::claude {
namespace {

constexpr size_t max_claude_json = 32U << 20U;
constexpr std::chrono::seconds time_limit{30};  // the files may be on a slow network
constexpr mode_t directory_mode = 0755;
constexpr mode_t file_mode = 0600;

bool is_directory(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> names;
  for (size_t start = 0; start < path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string name = path.substr(start, end - start);
    if (!name.empty() && name != ".") names.push_back(name);
    start = end + 1;
  }
  return names;
}

// Walks from the root and creates missing directories. Returns the last one if it is new, else an
// invalid descriptor. `follow` is 0 or O_NOFOLLOW.
Result<UniqueFd> make_directories(const std::string& path, int follow) {
  UniqueFd at{::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  bool made = false;
  for (const std::string& name : components(path)) {
    made = ::mkdirat(at.get(), name.c_str(), directory_mode) == 0;
    UniqueFd next{::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow)};
    if (!next.valid()) return std::unexpected(Error::system("cannot make the work directory " + path));
    at = std::move(next);
  }
  if (!made) return UniqueFd{};
  return at;
}

Result<> make_as_root(const confine::Identity& identity, const std::string& path) {
  const UniqueFd made = TRY(make_directories(path, O_NOFOLLOW));
  if (made.valid() && ::fchown(made.get(), identity.uid, identity.gid) != 0)
    return std::unexpected(Error::system("cannot give the work directory " + path + " to the agent"));
  return {};
}

Result<> make_as_agent(const void* path) {
  TRY(make_directories(*static_cast<const std::string*>(path), 0));
  return {};
}

// ---- ~/.claude.json, in a child that is confined as the agent

struct AnswerRequest {
  const std::string& path;
  const FirstAnswers& answers;
};

Result<> answer_as_agent(const AnswerRequest& request) {
  const std::string path = real_path(request.path);  // a symbolic link of the agent stays
  std::string text = "{}";
  if (file_exists(path)) text = TRY(read_file(path, max_claude_json));
  const auto changed = TRY(answer_first_questions(text, request.answers));
  return changed ? replace_own_file(path, *changed, mode_of_file(path, file_mode)) : Result<>{};
}

Result<> answer_work(const void* context) {
  return answer_as_agent(*static_cast<const AnswerRequest*>(context));
}

}  // namespace

Result<> make_workdir(const confine::Identity& identity, const std::string& workdir,
                      const event::Signals& requests) {
  if (is_directory(workdir)) return {};
  if (keeper::run_confined(identity, time_limit, requests, make_as_agent, &workdir)) return {};
  return make_as_root(identity, workdir);
}

Result<> write_first_answers(const confine::Identity& identity, const FirstAnswers& answers,
                             const event::Signals& requests) {
  const std::string path = identity.home + "/.claude.json";
  const AnswerRequest request{path, answers};
  auto done = keeper::run_confined(identity, time_limit, requests, answer_work, &request);
  if (!done) return std::unexpected(std::move(done).error().within(path));
  return {};
}

}  // namespace ostiary::claude
