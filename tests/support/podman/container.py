"""A container, as tests use it."""

import contextlib
import subprocess

from support.internet import RESOLVER
from support.journal import JOURNAL, events_in
from support.session import Result
from support.waiting import eventually

PATIENCE = 60  # seconds; a test that passes does not wait this long


class Container:
    """Made by containers(). Its output is read when it has ended."""

    def __init__(self, podman, words):
        self._podman = podman
        self.id = podman.command("create", *words)
        self._attached = None

    def start(self):
        """Starts the container, also again after it has ended."""
        self._attached = self._podman.start("start", "--attach", self.id, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def wait(self, patience=PATIENCE):
        """Waits for its end, and returns status, stdout and stderr of this start."""
        out, err = self._attached.communicate(timeout=patience)
        return Result(self._inspect("{{.State.ExitCode}}", int), out, err)

    def exec(self, *command, options=()):
        """Runs a command as `podman exec` does, and waits for its end."""
        done = self._podman.attempt("exec", *options, self.id, *command, timeout=PATIENCE)
        return Result(done.returncode, done.stdout, done.stderr)

    def stop(self, seconds=10):
        """Sends SIGTERM, and SIGKILL after `seconds`."""
        self._podman.command("stop", "--time", seconds, self.id)

    def signal(self, name):
        self._podman.command("kill", "--signal", name, self.id)

    def restart(self):
        """Stops the container and starts it again, as `podman restart` does."""
        self._podman.command("restart", "--time", "10", self.id)

    def wait_for_line(self, word, times=1):
        """Waits until its output contains this line, `times` times in all its starts."""
        eventually(lambda: self.logs().stdout.splitlines().count(word) >= times,
                   f"the container says {word!r}: {self.logs()}", PATIENCE)

    def logs(self):
        """Its output so far, of all its starts."""
        done = self._podman.attempt("logs", self.id)
        return Result(done.returncode, done.stdout, done.stderr)

    def pid(self):
        """The PID of its process 1 in the PID namespace of the tests."""
        return self._inspect("{{.State.Pid}}", int)

    def address(self):
        return self._inspect("{{.NetworkSettings.IPAddress}}")

    def read(self, path):
        """Reads a file of the container, also after it has ended."""
        archive = self._podman.attempt("cp", f"{self.id}:{path}", "-").stdout
        return subprocess.run(["tar", "-xO"], input=archive, capture_output=True, check=True).stdout.decode()

    def audit(self, event=None, **fields):
        """The events of the journal so far, of all its starts, that have these fields."""
        return events_in(self.read(JOURNAL), event, **fields)

    def end(self):
        """Ends the container in any state."""
        self._podman.attempt("rm", "--force", "--time", "0", self.id)
        if self._attached:
            self._attached.communicate(timeout=PATIENCE)

    def _inspect(self, what, kind=str):
        return kind(self._podman.command("inspect", "--format", what, self.id))


@contextlib.contextmanager
def containers(podman):
    """A function start(image, *command, network=link, options=()) that creates and starts a
    container, with NET_ADMIN only.

    network: a link to the Internet; None for no network
    host: a link that stands for the machine's network, with podman's own network behind it
    options: more options of `podman create`
    """
    with contextlib.ExitStack() as made:
        def start(image, *command, network=None, host=None, capabilities=("NET_ADMIN",), env={}, options=()):
            words = [word for name in capabilities for word in ("--cap-add", name)]
            words += [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
            if host:
                words += ["--network", "podman", "--dns", RESOLVER[4]]
            elif network:
                words += ["--network", f"ns:{network.network.path}", "--dns", RESOLVER[4]]
            else:
                words += ["--network", "none"]
            container = Container(podman.inside(host.network) if host else podman, [*words, *options, image.name, *command])
            made.callback(container.end)
            return container.start()
        yield start
