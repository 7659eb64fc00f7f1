"""The root file system of a sandbox: /usr is the machine's, everything else is the sandbox's own."""

import os
import shutil
from pathlib import Path

from support.namespaces import MS_RDONLY, bind, call, enter_root, mount_memory

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
agent:x:1000:1000:Agent:/home/agent:/bin/bash
other:x:1001:1001:Other:/home/other:/bin/sh
"""
GROUP = """\
root:x:0:
nogroup:x:65534:
agent:x:1000:
other:x:1001:
tools:x:2000:agent
"""
AGENT, OTHER, TOOLS = 1000, 1001, 2000
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


class Rootfs:
    def __init__(self, path, binary):
        self.path = Path(path)
        self.binary = Path(binary)
        self.relay = self.binary.with_name("ostiary-relay")
        self._read_only = []
        self.path.chmod(0o755)
        for link in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if os.path.islink(f"/{link}"):
                (self.path / link).symlink_to(os.readlink(f"/{link}"))
        for directory in ("usr", "dev", "proc", "sys", "run/secrets", "var/lib", "etc/ostiary", "etc/claude-code",
                          "etc/alternatives",
                          "home", "root", "opt/bin", "work"):
            self.mkdir(f"/{directory}")
        self.mkdir("/tmp", mode=0o1777)
        self.mkdir("/home/agent", mode=0o755, owner=AGENT)
        self.mkdir("/home/other", mode=0o755, owner=OTHER)
        self.write("/etc/passwd", PASSWD)
        self.write("/etc/group", GROUP)
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        for program in ("ostiary", "ostiary-relay"):
            self.write(f"/opt/bin/{program}", "", mode=0o755)
        shutil.copy("/etc/ld.so.cache", self.at("/etc/ld.so.cache"))
        self.write(AUTHORITIES, Path(AUTHORITIES).read_bytes())

    def at(self, path):
        """The path outside that corresponds to a path inside."""
        return self.path / str(path).lstrip("/")

    def mkdir(self, path, mode=0o755, owner=0):
        self.at(path).mkdir(parents=True, exist_ok=True)
        self.at(path).chmod(mode)
        os.chown(self.at(path), owner, owner)

    def write(self, path, content, mode=0o644, owner=0):
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(target, owner, owner)  # chown clears a setuid bit
        target.chmod(mode)

    def symlink(self, path, to, owner=0):
        self.at(path).symlink_to(to)
        os.lchown(self.at(path), owner, owner)

    def read(self, path):
        return self.at(path).read_text()

    def exists(self, path):
        return os.path.lexists(self.at(path))

    def make_read_only(self, path):
        """Takes effect at the next run."""
        self._read_only.append(path)

    def enter(self):
        """For the child that becomes process 1: mounts everything, then changes the root."""
        bind("/usr", self.at("/usr"), MS_RDONLY)
        bind("/etc/alternatives", self.at("/etc/alternatives"), MS_RDONLY)
        bind("/dev", self.at("/dev"))
        mount_memory(self.at("/dev/shm"))
        bind("/sys", self.at("/sys"))
        bind(self.binary, self.at("/opt/bin/ostiary"))
        if self.relay.exists():  # otherwise a boot that needs the relay fails
            bind(self.relay, self.at("/opt/bin/ostiary-relay"))
        for path in self._read_only:
            bind(self.at(path), self.at(path), MS_RDONLY)
        call("mount", "proc", self.at("/proc"), "proc", 0, None)
        call("sethostname", b"sandbox", 7)
        enter_root(self.path)
