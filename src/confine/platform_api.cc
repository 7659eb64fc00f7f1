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

// Mounts over the directory, not over the socket: a mount over a file goes when a process outside
// removes the file, and would not cover a new socket. The mounts are private, so that later mounts
// and unmounts outside have no effect here.
Result<> hide_platform_api() {
  if (::access(directory, F_OK) != 0 && is_absent(errno)) return {};
  if (::unshare(CLONE_NEWNS) != 0) return std::unexpected(Error::system("cannot make a mount namespace"));
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return std::unexpected(Error::system("cannot make mounts private"));
  if (::mount("none", directory, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=555") !=
      0)
    return std::unexpected(Error::system(std::string("cannot mount over ") + directory));
  return {};
}

Result<> expect_no_platform_api(const Result<>& hidden) {
  // connect() requires write access as well. Any error except a refusal counts as open.
  if (::access(platform_socket, W_OK) != 0 && (is_absent(errno) || errno == EACCES)) return {};
  return fail(Exit::not_permitted, std::string("the agent could control Fly through ") + platform_socket +
                                       ", which cannot be hidden (" +
                                       (hidden ? std::string("it still exists") : hidden.error().message) +
                                       "): grant CAP_SYS_ADMIN, which ostiary has on Fly, or name a user "
                                       "without access to it with --user");
}

}  // namespace ostiary::confine
