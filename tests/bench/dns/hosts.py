"""The hosts of the DNS servers, and the upstream of all of them."""

import socket
import subprocess

from bench.programs import TOOLS
from support.link import add_veth
from support.network import NetworkNamespace

ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"]


class Host:
    """A network, and a mount namespace that a process keeps alive, which sleeps."""

    def __init__(self):
        self.network = NetworkNamespace()
        self.network.ip("link set lo up")
        script = "mount -t tmpfs tmpfs /run && echo up && exec sleep infinity"
        self.keeper = subprocess.Popen([*ENDS_WITH_US, "unshare", "-m", "--propagation", "private", "sh", "-c", script],
                                       stdout=subprocess.PIPE, text=True, preexec_fn=self.network.enter)
        if self.keeper.stdout.readline() != "up\n":
            raise RuntimeError("no namespace could be made")
        self.processes = []

    def inside(self, *words, core=None):
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        return ["nsenter", "-t", str(self.keeper.pid), "-m", "-n", *pinned, *map(str, words)]

    def run(self, *words, core=None, **more):
        return subprocess.run(self.inside(*words, core=core), check=True, capture_output=True, text=True, **more).stdout

    def start(self, *words, core=None, **more):
        process = subprocess.Popen([*ENDS_WITH_US, *self.inside(*words, core=core)], stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        return process

    def asker(self, address, port):
        """A socket in the host's network, for use by this process."""
        with self.network.entered():
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asker.settimeout(2)
        asker.connect((address, port))
        return asker

    def close(self):
        for process in [*reversed(self.processes), self.keeper]:
            process.terminate()
            process.wait()
        self.keeper.stdout.close()
        self.network.close()


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
        add_veth(self.network, f"host{first}", [near + "/30"], host.network, "outside", [far + "/30"], [near])
        return near
