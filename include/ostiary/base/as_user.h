// base/as_user.h: while an AsUser exists, the calling thread opens files as its user, and the sockets
// that it makes belong to that user, as the rules see it. Requires CAP_SETUID and CAP_SETGID.
#pragma once

#include <sys/fsuid.h>
#include <sys/types.h>

namespace ostiary {

class AsUser {
 public:
  AsUser(uid_t uid, gid_t gid) : gid_(::setfsgid(gid)), uid_(::setfsuid(uid)) {}
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  ~AsUser() {
    ::setfsuid(static_cast<uid_t>(uid_));
    ::setfsgid(static_cast<gid_t>(gid_));
  }

 private:
  int gid_;
  int uid_;
};

}  // namespace ostiary
