"""The hosts of the DNS servers, and the upstream of all of them."""

import ctypes
import os
import socket
import subprocess

from bench.programs import TOOLS

ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"]
LIBC = ctypes.CDLL(None, use_errno=True)


def run(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


class Host:
    """A network and mount namespace, kept alive by a process that sleeps."""

    def __init__(self):
        namespaces = ["unshare", "-mn", "--propagation", "private"]
        script = "mount -t tmpfs tmpfs /run && ip link set lo up && echo up && exec sleep infinity"
        self.keeper = subprocess.Popen([*ENDS_WITH_US, *namespaces, "sh", "-c", script], stdout=subprocess.PIPE,
                                       text=True)
        if self.keeper.stdout.readline() != "up\n":
            raise RuntimeError("no namespace could be made")
        self.processes = []

    def inside(self, *words, core=None):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        return ["nsenter", "-t", str(self.keeper.pid), "-m", "-n", *pinned, *map(str, words)]

    def run(self, *words, core=None, **more):
        return run(self.inside(*words, core=core), **more)

    def start(self, *words, core=None, **more):
        process = subprocess.Popen([*ENDS_WITH_US, *self.inside(*words, core=core)], stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    def asker(self, address, port):
        """A socket in the host's network, for use by this process."""
        ours, theirs = (os.open(f"/proc/{pid}/ns/net", os.O_RDONLY) for pid in ("self", self.keeper.pid))
        try:
            self.enter(theirs)
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.enter(ours)
        finally:
            os.close(ours)
            os.close(theirs)
        asker.settimeout(2)
        asker.connect((address, port))
        return asker

    @staticmethod
    def enter(namespace):
        if LIBC.setns(namespace, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        for process in [*reversed(self.processes), self.keeper]:
            process.terminate()
            process.wait()
        self.keeper.stdout.close()


class Upstream(Host):
    """The upstream: one process answers for all hosts that are connected to it."""

    def __init__(self, core=None):
        super().__init__()
        self.hosts = 0
        self.start(TOOLS / "dns" / "dns_upstream", core=core)

    def connect(self, host):
        """Connects a host, and returns the upstream's address there."""
        first = 4 * self.hosts
        self.hosts += 1
        near, far = f"192.0.2.{first + 1}", f"192.0.2.{first + 2}"
        run(["ip", "link", "add", f"host{first}", "netns", str(self.keeper.pid), "type", "veth",
             "peer", "name", "outside", "netns", str(host.keeper.pid)])
        self.run("ip", "address", "add", near + "/30", "dev", f"host{first}")
        self.run("ip", "link", "set", f"host{first}", "up")
        host.run("ip", "address", "add", far + "/30", "dev", "outside")
        host.run("ip", "link", "set", "outside", "up")
        host.run("ip", "route", "add", "default", "via", near)
        return near
