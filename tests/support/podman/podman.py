"""podman with its own store and configuration, so that other images are not changed."""

import copy
import os
import shutil
import subprocess
from pathlib import Path

PROGRAMS = ("podman", "runc", "mmdebstrap")
STORE = Path("/var/cache/ostiary-tests")
# runc: crun does not work on machines that have both versions of cgroups. The limits: the runtime
# would raise them, which needs CAP_SYS_RESOURCE; a container that runs these tests may lack it.
CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
events_logger = "none"
[network]
network_backend = "netavark"
"""
BUILD_PATIENCE = 1200  # seconds; a test that passes does not wait this long


class PodmanFailed(AssertionError):
    pass


class Podman:
    def __init__(self, directory):
        """`directory` holds files that live as long as this run."""
        (directory / "containers.conf").write_text(CONFIGURATION)
        self._environment = os.environ | {"CONTAINERS_CONF": str(directory / "containers.conf"),
                                          "TMPDIR": str(STORE / "tmp")}
        (STORE / "tmp").mkdir(parents=True, exist_ok=True)
        self._prefix = []

    def command(self, *words, **how):
        """Runs a command that must succeed, and returns its output."""
        done = subprocess.run(self.words(*words), env=self._environment, capture_output=True, text=True, **how)
        if done.returncode != 0:
            raise PodmanFailed(f"podman {' '.join(map(str, words))}: status {done.returncode}\n"
                               f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout.strip()

    def succeeds(self, *words):
        return self.attempt(*words).returncode == 0

    def attempt(self, *words, **how):
        return subprocess.run(self.words(*words), env=self._environment, capture_output=True, **how)

    def start(self, *words, **how):
        return subprocess.Popen(self.words(*words), env=self._environment, **how)

    @staticmethod
    def missing():
        """The reason why podman cannot be used here, or None."""
        if os.geteuid() != 0:
            return "needs root, to run containers"
        absent = [program for program in PROGRAMS if not shutil.which(program)]
        return f"needs {', '.join(absent)}, to run containers: scripts/setup installs them" if absent else None

    def inside(self, network):
        """The same podman, with this network namespace as the machine's network."""
        made = copy.copy(self)
        made._prefix = ["nsenter", f"--net={network.path}"]
        return made

    def words(self, *words):
        return [*self._prefix, "podman", "--root", str(STORE / "store"), "--runroot", "/run/ostiary-tests", *map(str, words)]
