#include "ostiary/state/files.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "ostiary/base/file_lock.h"
#include "ostiary/base/guarded_directory.h"
#include "ostiary/base/json.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/telemetry/env_file.h"

namespace ostiary::state {
namespace {

constexpr mode_t for_root_alone = 0600;
constexpr size_t max_file = 16U << 20U;
// Another command holds the lock for a moment, to see whether a boot has it.
constexpr std::chrono::milliseconds time_to_lock{20};

std::unexpected<Error> lock_error(std::string_view directory) {
  return std::unexpected(Error::system(std::string(directory) + "/" + lock_name, Exit::unavailable));
}

// A root agent can replace the lock's file with a link, a directory or a socket.
std::unexpected<Error> cannot_open_lock(std::string_view directory) {
  const bool is_replaced = errno == ELOOP || errno == EISDIR || errno == ENXIO;
  auto error = lock_error(directory);
  if (is_replaced) error.error().message += ": remove it";
  return error;
}

}  // namespace

std::string path_of(std::string_view name) {
  return std::string(state_directory).append("/").append(name);
}

// ---- of this boot

Result<Directory> Directory::claim(std::string path) {
  UniqueFd directory = TRY(make_own_directory(path));
  UniqueFd lock{
      ::openat(directory.get(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, for_root_alone)};
  if (!lock.valid()) return cannot_open_lock(path);
  if (lock_file(lock, time_to_lock)) return Directory(std::move(path), std::move(directory), std::move(lock));
  if (errno == EWOULDBLOCK)
    return fail(Exit::unavailable,
                "ostiary runs here already: for another session write \"ostiary exec -- COMMAND\"");
  return lock_error(path);
}

Result<> Directory::replace(const char* name, std::string_view content) const {
  return replace_file(directory_, path_, name, content, for_root_alone);
}

Result<> Directory::remove(const char* name) const {
  return remove_file(directory_, path_, name);
}

Result<> Directory::remove_stale_files() const {
  TRY(remove_otel_env());
  TRY(remove(status_name));
  return remove_session();
}

Result<> Directory::write_otel_env(std::span<const telemetry::Variable> given) const {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  for (const telemetry::Variable& variable : given)
    variables.emplace_back(variable.name, variable.value.reveal());
  const Secret text = TRY(telemetry::render_env_file(variables));
  return replace(otel_env_name, text.reveal());
}

Result<> Directory::remove_otel_env() const {
  return remove(otel_env_name);
}

Result<> Directory::write_session(const confine::Identity& identity, std::string_view workdir,
                                  std::string_view network, std::span<const std::string> environment) const {
  const Secret text = render_session(identity, workdir, network, environment);
  return replace(session_name, text.reveal());
}

Result<> Directory::remove_session() const {
  return remove(session_name);
}

Result<> Directory::write_status(const Status& status) const {
  const Json json{{"gate", status.gate},
                  {"telemetry", status.telemetry},
                  {"user", status.user},
                  {"rules", status.rules},
                  {"relayed", status.relayed},
                  {"inbound", status.inbound},
                  {"unresolved", status.unresolved},
                  {"self_test", status.self_test},
                  {"allowed_sockets", status.allowed_sockets},
                  {"scope", status.scope},
                  {"check_names", status.check_names},
                  {"tracking", status.tracking}};
  return replace(status_name, json.indented() + "\n");
}

// ---- as other commands find it

Result<FoundDirectory> FoundDirectory::find(std::string path) {
  UniqueFd directory = TRY(find_directory(path));
  return FoundDirectory(std::move(path), std::move(directory));
}

bool FoundDirectory::has(const char* name) const {
  return directory_.valid() && ::faccessat(directory_.get(), name, F_OK, 0) == 0;
}

Result<std::string> FoundDirectory::read(const char* name) const {
  if (!has(name))
    return fail(Exit::missing_input,
                "there is no " + path_ + "/" + name + ": no boot has written it: start one with ostiary run");
  return read_root_file(directory_, path_, name, max_file);
}

Result<bool> FoundDirectory::is_claimed() const {
  if (!directory_.valid()) return false;
  const UniqueFd lock{::openat(directory_.get(), lock_name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
  if (!lock.valid() && errno == ENOENT) return false;
  if (!lock.valid()) return cannot_open_lock(path_);
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return lock_error(path_);
}

}  // namespace ostiary::state
