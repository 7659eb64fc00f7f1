#include "private_network.h"

#include <cap-ng.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace ostiary::testing {
namespace {

void bring_loopback_up() {
  const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  REQUIRE(::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0);
}

void set_net_admin(capng_act_t action) {
  REQUIRE(capng_get_caps_process() == 0);
  for (const int capability : {CAP_NET_ADMIN, CAP_NET_RAW})
    REQUIRE(capng_update(action, CAPNG_EFFECTIVE, static_cast<unsigned>(capability)) == 0);
  REQUIRE(capng_apply(CAPNG_SELECT_CAPS) == 0);
}

}  // namespace

PrivateNetwork::PrivateNetwork() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  REQUIRE(before_.valid());
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  bring_loopback_up();
}

PrivateNetwork::~PrivateNetwork() {
  CHECK(::setns(before_.get(), CLONE_NEWNET) == 0);
}

bool lacks_private_network() {
  capng_get_caps_process();
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) == 1 &&
      capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) == 1)
    return false;
  MESSAGE("skipped: needs root, to make a network namespace");
  return true;
}

WithoutNetAdmin::WithoutNetAdmin() {
  set_net_admin(CAPNG_DROP);
}

WithoutNetAdmin::~WithoutNetAdmin() {
  set_net_admin(CAPNG_ADD);
}

}  // namespace ostiary::testing
