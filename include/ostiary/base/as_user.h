// base/as_user.h: while an AsUser exists, the calling thread opens files as its user, and the
// sockets that it makes belong to that user, as the rules see it. Requires CAP_SETUID and
// CAP_SETGID. The kernel shows a process's memory again at each change of user if fs.suid_dumpable
// says so. A process that had hidden it has hidden it again afterwards.
#pragma once

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/types.h>

namespace ostiary {

class AsUser {
 public:
  AsUser(uid_t uid, gid_t gid) : gid_(::setfsgid(gid)), uid_(::setfsuid(uid)) { hide_again(); }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  ~AsUser() {
    ::setfsuid(static_cast<uid_t>(uid_));
    ::setfsgid(static_cast<gid_t>(gid_));
    hide_again();
  }

 private:
  void hide_again() const {
    if (dumpable_ == 0) (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  }

  int dumpable_ = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  int gid_;
  int uid_;
};

}  // namespace ostiary
