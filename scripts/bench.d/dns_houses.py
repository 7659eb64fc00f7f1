"""Networks of their own for those who answer DNS questions, and the upstream that all of them ask."""

import ctypes
import os
import pathlib
import socket
import subprocess

TOOLS = pathlib.Path(os.environ["OSTIARY_BINARY"]).parent / "tests/bench/dns"
ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"]
LIBC = ctypes.CDLL(None, use_errno=True)


def run(command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


class House:
    """A network and mount namespace, kept by a process that sleeps."""

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
        """A socket that stays in this network although we do not."""
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


class Upstream(House):
    """Answers at once, in every house that is connected to it, by one process."""

    def __init__(self, core=None):
        super().__init__()
        self.houses = 0
        self.start(TOOLS / "dns_upstream", core=core)

    def connect(self, house):
        """The upstream's address in that house."""
        first = 4 * self.houses
        self.houses += 1
        near, far = f"192.0.2.{first + 1}", f"192.0.2.{first + 2}"
        run(["ip", "link", "add", f"house{first}", "netns", str(self.keeper.pid), "type", "veth",
             "peer", "name", "outside", "netns", str(house.keeper.pid)])
        self.run("ip", "address", "add", near + "/30", "dev", f"house{first}")
        self.run("ip", "link", "set", f"house{first}", "up")
        house.run("ip", "address", "add", far + "/30", "dev", "outside")
        house.run("ip", "link", "set", "outside", "up")
        house.run("ip", "route", "add", "default", "via", near)
        return near
