#include <string>

#include <doctest/doctest.h>

#include "ostiary/platform/platform.h"

using ostiary::platform::find_container_id;
using ostiary::platform::parse_hosts;

namespace {

const std::string id = "2f08b0d1" + std::string(56, 'a');
const std::string layer = "3a98" + std::string(60, 'b');

}  // namespace

TEST_SUITE("platform/host_facts") {
  TEST_CASE("reads the names of /etc/hosts, each with its address") {
    std::string shown;
    for (const auto& [address, name] :
         parse_hosts("127.0.0.1\tlocalhost\n# 192.0.2.1 no.example\n192.0.2.80 Collector.example  c # its "
                     "short name\n"
                     "\n::1 ip6-localhost\nnot-an-address x\n192.0.2.81\n192.0.2.82 a_b.example -bad-\r\n"))
      shown += address.text() + " " + ostiary::inet::text(name) + "\n";
    CHECK(shown ==
          "127.0.0.1 localhost\n192.0.2.80 collector.example\n192.0.2.80 c\n::1 ip6-localhost\n"
          "192.0.2.82 a_b.example\n");
    CHECK(parse_hosts("").empty());
  }

  TEST_CASE("finds Docker's ID, and not the name of a layer or a volume") {
    const std::string mounts =
        "736 735 0:61 / / rw,relatime master:282 - overlay overlay "
        "rw,lowerdir=/var/lib/docker/overlay2/l/AB:/var/lib/"
        "docker/overlay2/l/CD,upperdir=/var/lib/docker/overlay2/" +
        layer + "/diff,workdir=/var/lib/docker/overlay2/" + layer +
        "/work\n"
        "737 736 0:64 / /proc rw,nosuid - proc proc rw\n"
        "748 736 254:1 /docker/volumes/" +
        layer +
        "/_data /data rw,relatime - ext4 /dev/vda1 rw\n"
        "749 736 254:1 /docker/containers/" +
        id +
        "/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw\n"
        "750 736 254:1 /docker/containers/" +
        id + "/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw\n";
    CHECK(find_container_id(mounts) == id);
  }

  TEST_CASE("finds Podman's ID") {
    CHECK(find_container_id("601 600 0:45 /containers/overlay-containers/" + id +
                            "/userdata/hostname /etc/hostname rw,nosuid - tmpfs tmpfs rw") == id);
  }

  TEST_CASE("finds none if the engine does not provide one") {
    CHECK(find_container_id("").empty());
    CHECK(find_container_id("\n\n").empty());
    CHECK(find_container_id("25 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n").empty());
    for (const std::string& name : {id.substr(1), id + "a", "A" + id.substr(1), "g" + id.substr(1)})
      CHECK(find_container_id("1 2 3:4 /containers/" + name + "/hosts /etc/hosts rw").empty());
    CHECK(find_container_id("1 2 3:4 /pods/" + id + "/hosts /etc/hosts.old rw").empty());
  }
}
