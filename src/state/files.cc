#include "ostiary/state/files.h"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "ostiary/base/guarded_directory.h"
#include "ostiary/base/json.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/telemetry/env_file.h"

namespace ostiary::state {
namespace {

constexpr mode_t for_root_alone = 0600;

// A root agent can replace the lock's file with a link, a directory or a socket.
std::unexpected<Error> cannot_open_lock() {
  const bool is_replaced = errno == ELOOP || errno == EISDIR || errno == ENXIO;
  Error error = Error::system(path_of(lock_name), Exit::unavailable);
  if (is_replaced) error.message += ": remove it";
  return std::unexpected(std::move(error));
}

}  // namespace

std::string path_of(std::string_view name) {
  return std::string(state_directory).append("/").append(name);
}

Result<> remove_stale_files() {
  TRY(remove_file(state_directory, otel_env_name));
  TRY(remove_file(state_directory, status_name));
  return remove_session();
}

Result<> write_otel_env(std::span<const telemetry::Variable> given) {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  for (const telemetry::Variable& variable : given)
    variables.emplace_back(variable.name, variable.value.reveal());
  const Secret text = TRY(telemetry::render_env_file(variables));
  return replace_file(state_directory, otel_env_name, text.reveal(), for_root_alone);
}

Result<> write_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                       std::span<const std::string> environment) {
  const Secret text = render_session(identity, workdir, network, environment);
  return replace_file(state_directory, session_name, text.reveal(), for_root_alone);
}

Result<> remove_session() {
  return remove_file(state_directory, session_name);
}

Result<> write_status(const Status& status) {
  const Json json{{"gate", status.gate},           {"telemetry", status.telemetry},
                  {"user", status.user},           {"rules", status.rules},
                  {"inbound", status.inbound},     {"unresolved", status.unresolved},
                  {"self_test", status.self_test}, {"allowed_sockets", status.allowed_sockets},
                  {"scope", status.scope},         {"tracking", status.tracking}};
  return replace_file(state_directory, status_name, json.indented() + "\n", for_root_alone);
}

Result<InstanceLock> InstanceLock::claim() {
  const UniqueFd directory = TRY(make_own_directory(state_directory));
  UniqueFd lock{::openat(directory.get(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!lock.valid()) return cannot_open_lock();
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return InstanceLock(std::move(lock));
  if (errno == EWOULDBLOCK)
    return fail(Exit::unavailable,
                "ostiary runs here already: for another session write \"ostiary exec -- COMMAND\"");
  return std::unexpected(Error::system(path_of(lock_name), Exit::unavailable));
}

Result<bool> InstanceLock::is_claimed() {
  const UniqueFd lock{::open(path_of(lock_name).c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
  if (!lock.valid() && errno == ENOENT) return false;
  if (!lock.valid()) return cannot_open_lock();
  return ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace ostiary::state
