"""A tun or tap device without an owner, as `ip tuntap add` makes it: any user may attach to it, and
what the user writes there comes in by a link instead of leaving by the rules."""

import os
import stat

import pytest

from support import namespaces

TUN = os.makedev(10, 200)
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
ATTACH = """
import fcntl, struct
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454ca, struct.pack("16sH22x", b"mine", {mode}))  # TUNSETIFF
os.write(device, b"secret")"""


def device_file(container):
    path = container.at("/opt/tun")
    os.mknod(path, stat.S_IFCHR | 0o666, TUN)
    os.chmod(path, 0o666)
    return lambda: namespaces.bind("/opt/tun", "/dev/net/tun")


@pytest.mark.parametrize("mode", ["tun", "tap"])
@pytest.mark.parametrize("scope", ["container", "user"])
def test_the_agent_cannot_attach_to_one(new_container, who, scope, mode):
    if who == "root" and scope == "user":
        pytest.skip("--scope user needs an ordinary user")
    container = new_container()
    container.link.network.command("ip", "tuntap", "add", "dev", "mine", "mode", mode)
    attach = ATTACH.format(mode=IFF_NO_PI | (IFF_TUN if mode == "tun" else IFF_TAP))
    prepare = device_file(container)
    free = container.start_process_without_gate(who, prepare=prepare)
    assert free.python(attach)["error"] in ("EINVAL", "EIO")  # of the write: it is no packet, and the link is down
    free.session.close_stdin()
    free.session.wait()
    outcome = container.start_agent("--scope", scope, who=who, prepare=prepare).python(attach)
    assert not outcome["reached"] and outcome["error"] == "EPERM", outcome
