#include "selftest/kernel_tables.h"

#include <doctest/doctest.h>
#include <sys/sysmacros.h>

#include "ostiary/selftest/socket_name.h"
#include "selftest/socket_files.h"

using namespace ostiary::selftest;
using namespace std::string_literals;

namespace {

std::string texts(const std::vector<ostiary::net::UnixSocket>& sockets) {
  std::string text;
  for (const auto& socket : sockets)
    text += SocketName(socket.name).text() + " " + std::to_string(socket.inode) + "\n";
  return text;
}

}  // namespace

TEST_SUITE("selftest/kernel_tables") {
  TEST_CASE("the sockets in the kernel's list that others can connect to are returned") {
    constexpr std::string_view table =
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "00000000093744e9: 00000003 00000000 00000000 0001 03  1522\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 41234 /run/docker.sock\n"
        "0000000000000000: 00000002 00000000 00010000 0005 01   999 /run/udev/control\n"
        "0000000000000000: 00000003 00000000 00000000 0001 03 41235 /run/accepted.sock\n"
        "0000000000000000: 00000002 00000000 00000000 0002 01 41236 /run/systemd/notify\n"
        "0000000000000000: 00000002 00000000 00000000 0002 01 41237 @00af3\n"
        "0000000000000000: 00000002 00000000 00000000 0002 01 41238 @a service\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 41239 relative\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 41240 /tmp/a b: c\n";
    CHECK(texts(connectable_sockets(table)) ==
          "/run/docker.sock 41234\n/run/udev/control 999\n/run/systemd/notify 41236\n@a service 41238\n"
          "relative 41239\n/tmp/a b: c 41240\n");
  }

  TEST_CASE("an abstract name that may contain a zero octet is returned with and without it") {
    const auto sockets = connectable_sockets("0: 2 0 00010000 0001 01 1 @a@b@\n");
    REQUIRE(sockets.size() == 2);
    CHECK(sockets[0].name == "\0a@b@"s);
    CHECK(sockets[1].name == "\0a\0b\0"s);
    CHECK(SocketName(sockets[1].name).text() == "@a@b@");
  }

  TEST_CASE("invalid lines of the list are ignored") {
    for (const char* line :
         {"", "\n\n", "x", "0: 2 0 00010000 0001 01 1", "0: 2 0 00010000 0001 01 1 ",
          "0: 2 0 zz 0001 01 1 /a", "0: 2 0 00010000 x 01 1 /a", "0: 2 0 00010000 0001 01 x /a", "@", "/a"})
      CHECK(connectable_sockets(line).empty());
  }

  TEST_CASE("a mount has an unescaped mount point, and a file system") {
    CHECK(mounts("36 35 98:0 /mnt1 /a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
                 "37 35 0:25 /docker.sock /run/docker.sock ro - tmpfs tmpfs rw\n") ==
          std::vector<Mount>{{"/a b\\c", "ext3"}, {"/run/docker.sock", "tmpfs"}});
    CHECK(mounts("37 35 0:25 / /a\\0 rw shared:1 master:2 - tmpfs tmpfs rw") ==
          std::vector<Mount>{{"/a\\0", "tmpfs"}});
    CHECK(mounts("no mount\n\n").empty());
  }

  TEST_CASE("the device of a mount is found by the mount's id") {
    const char* const table =
        "36 35 98:1 / /mnt1 rw - ext3 /dev/root rw\n37 36 0:300 / /run rw - tmpfs tmpfs rw\n38 x\n39 36 0:x "
        "/ /";
    CHECK(device_of_mount(table, 36) == makedev(98, 1));
    CHECK(device_of_mount(table, 37) == makedev(0, 300));
    for (const uint64_t id : {uint64_t{35}, uint64_t{38}, uint64_t{39}, uint64_t{3}})
      CHECK_FALSE(device_of_mount(table, id));
  }
}
