"""A container, as a test speaks of it."""

import json
import subprocess

from support.session import Result
from support.waiting import eventually

JOURNAL = "/var/log/ostiary/audit.jsonl"
PATIENCE = 60  # seconds; reached only when something is wrong


class Container:
    """Made by Engine.start. What it prints is read when it has ended."""

    def __init__(self, podman, words):
        self._podman = podman
        self.id = podman.command("create", *words)
        self._attached = None

    def start(self):
        """Also again, after it has ended."""
        self._attached = self._podman.start("start", "--attach", self.id, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def wait(self, patience=PATIENCE):
        """Until it has ended by itself: status, stdout, stderr of this start."""
        out, err = self._attached.communicate(timeout=patience)
        return Result(self._inspect("{{.State.ExitCode}}", int), out, err)

    def exec(self, *command, options=()):
        """As `podman exec` does it, to its end."""
        done = self._podman.attempt("exec", *options, self.id, *command, timeout=PATIENCE)
        return Result(done.returncode, done.stdout, done.stderr)

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL when the time is over."""
        self._podman.command("stop", "--time", seconds, self.id)

    def signal(self, name):
        self._podman.command("kill", "--signal", name, self.id)

    def restart(self):
        """As `podman restart`: stopped, and started again."""
        self._podman.command("restart", "--time", "10", self.id)

    def says(self, word, times=1):
        """Waits until a line of its output is this word, for so many times in all its starts."""
        eventually(lambda: self.logs().stdout.splitlines().count(word) >= times,
                   f"the container says {word!r}: {self.logs()}", PATIENCE)

    def logs(self):
        """What it has printed so far, of all its starts."""
        done = self._podman.attempt("logs", self.id)
        return Result(done.returncode, done.stdout, done.stderr)

    def pid(self):
        """Of its process 1, as the outside counts."""
        return self._inspect("{{.State.Pid}}", int)

    def address(self):
        return self._inspect("{{.NetworkSettings.IPAddress}}")

    def read(self, path):
        """A file of its own, also when it has ended."""
        archive = self._podman.attempt("cp", f"{self.id}:{path}", "-").stdout
        return subprocess.run(["tar", "-xO"], input=archive, capture_output=True, check=True).stdout.decode()

    def audit(self, event=None, **fields):
        """The journal's events so far, of all its starts, those with these fields."""
        events = [json.loads(line) for line in self.read(JOURNAL).splitlines(keepends=True) if line.endswith("\n")]
        return [each for each in events if event in (None, each["event"])
                and all(each.get(name) == value for name, value in fields.items())]

    def end(self):
        """Whatever it is doing."""
        self._podman.attempt("rm", "--force", "--time", "0", self.id)
        if self._attached:
            self._attached.communicate(timeout=PATIENCE)

    def _inspect(self, what, kind=str):
        return kind(self._podman.command("inspect", "--format", what, self.id))
