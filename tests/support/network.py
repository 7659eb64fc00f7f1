"""Network namespaces that no process has to live in, and operations inside them."""

import contextlib
import os
import subprocess

from support.namespaces import CLONE_NEWNET, call

OWN = "/proc/thread-self/ns/net"


class NetworkNamespace:
    """Exists until it is closed and no process or socket is left in it."""

    def __init__(self):
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            call("unshare", CLONE_NEWNET)
            self.fd = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            call("setns", own, CLONE_NEWNET)
            os.close(own)

    @classmethod
    def of_this_thread(cls):
        """The namespace that the calling thread is in."""
        network = cls.__new__(cls)
        network.fd = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        return network

    @property
    def path(self):
        """A path by which other programs find it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def enter(self):
        """Moves this process into the namespace permanently. For a child process."""
        call("setns", self.fd, CLONE_NEWNET)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside. A socket opened here stays in the namespace."""
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        call("setns", self.fd, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", own, CLONE_NEWNET)
            os.close(own)

    def command(self, *words, stdin=None):
        """Runs a command that must succeed, and returns its output."""
        with self.entered():
            done = subprocess.run(words, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, (words, stdin, done.stderr)
        return done.stdout

    def ip(self, script):
        """Runs lines of `ip -batch`."""
        self.command("ip", "-batch", "-", stdin=script)

    def sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/net/{name}", "w") as file:
            file.write(str(value))

    def close(self):
        os.close(self.fd)


def everywhere():
    """A namespace in which every address is local."""
    network = NetworkNamespace()
    network.sysctl("ipv6/conf/default/accept_dad", 0)
    network.sysctl("ipv6/ip_nonlocal_bind", 1)
    # The kernel looks up the local table first, where a sandbox's own address is more specific.
    # For IPv6 it ignores a default route there.
    network.ip("""link set lo up
        route add local 0.0.0.0/0 dev lo table local
        route add local ::/1 dev lo table local
        route add local 8000::/1 dev lo table local""")
    return network
