// selftest/socket_places.h: where the files of listed sockets are.
// The kernel lists a socket under the name that it was bound to. That name leads elsewhere if it is
// relative, if the file was renamed, or if the service has another root directory.
#pragma once

#include <string>
#include <vector>

#include "ostiary/net/unix_sockets.h"
#include "ostiary/selftest/socket_name.h"

namespace ostiary::selftest {

struct SocketPlaces {
  std::vector<SocketName> names;      // to try: abstract names, and absolute paths
  std::vector<SocketName> not_found;  // sockets that may have a path which is not among them
};

// `files` are sockets that were found in the file system, of any network namespace. `names`
// does not repeat them. One with a second link is added to `not_found`, because the other path is
// unknown. Reads /proc only for a socket that is neither at its name nor one of `files`.
SocketPlaces find_places(const std::vector<net::UnixSocket>& listed, const std::vector<std::string>& files);

}  // namespace ostiary::selftest
