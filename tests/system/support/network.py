"""Network namespaces without a process in them, and what is done inside."""

import contextlib
import os
import subprocess

from support.namespaces import CLONE_NEWNET, call

OWN = "/proc/thread-self/ns/net"


class NetworkNamespace:
    """Lives as long as it is open, or something in it does."""

    def __init__(self):
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            call("unshare", CLONE_NEWNET)
            self.fd = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            call("setns", own, CLONE_NEWNET)
            os.close(own)

    @property
    def path(self):
        """By which other programs find it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def enter(self):
        """For good, in a child process."""
        call("setns", self.fd, CLONE_NEWNET)

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside. A socket opened here stays here."""
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        call("setns", self.fd, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", own, CLONE_NEWNET)
            os.close(own)

    def command(self, *words, stdin=None):
        """What the command prints; it must succeed."""
        with self.entered():
            done = subprocess.run(words, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, (words, stdin, done.stderr)
        return done.stdout

    def ip(self, script):
        """Lines of `ip -batch`."""
        self.command("ip", "-batch", "-", stdin=script)

    def sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/net/{name}", "w") as file:
            file.write(str(value))

    def close(self):
        os.close(self.fd)
