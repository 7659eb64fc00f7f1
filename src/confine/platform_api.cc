#include "platform_api.h"

#include <string>

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace ostiary::confine {
namespace {

constexpr const char* directory = "/.fly";
constexpr const char* platform_socket = "/.fly/api";

bool is_absent(int error) {
  return error == ENOENT || error == ENOTDIR;
}

}  // namespace

// The directory, not the socket: a mount over a file goes when somebody outside removes that file, and would
// not cover the socket that is made anew. Private: what is mounted and unmounted outside later has no say
// here.
Result<> hide_platform_api() {
  if (::access(directory, F_OK) != 0 && is_absent(errno)) return {};
  if (::unshare(CLONE_NEWNS) != 0) return std::unexpected(Error::system("no mount namespace"));
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return std::unexpected(Error::system("no private mounts"));
  if (::mount("none", directory, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=555") !=
      0)
    return std::unexpected(Error::system(std::string("no mount over ") + directory));
  return {};
}

Result<> expect_no_platform_api(const Result<>& hidden) {
  // What connect() asks for too. Anything but a refusal counts as open.
  if (::access(platform_socket, W_OK) != 0 && (is_absent(errno) || errno == EACCES)) return {};
  return fail(
      Exit::not_permitted,
      std::string("the agent could give Fly orders over ") + platform_socket + ", which cannot be hidden (" +
          (hidden ? std::string("it is still there") : hidden.error().message) +
          "): grant CAP_SYS_ADMIN, which ostiary has on Fly, or name a user with --user who may not connect");
}

}  // namespace ostiary::confine
