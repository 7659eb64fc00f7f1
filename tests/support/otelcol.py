"""The OpenTelemetry Collector that tests/observability/build made, as a process in a network of the tests."""

import json
import signal
import socket
import subprocess

from support import namespaces, otlp
from support.project import ROOT
from support.sandbox import PR_SET_PDEATHSIG
from support.waiting import eventually

BUILT = ROOT / "build" / "observability" / "bin"
OTELCOL = BUILT / "otelcol"
READY = b"Everything is ready"


class Program:
    """A server in a network. It ends with the tests, and has no environment but `env`."""

    def __init__(self, network, command, env, log):
        self._log = log
        with network.entered(), open(log, "ab") as out:
            self._process = subprocess.Popen(list(map(str, command)), env=env, stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=out, preexec_fn=_end_with_the_tests)

    def log(self):
        return self._log.read_text(errors="replace")

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def end(self, number=signal.SIGTERM):
        """Waits for the end, and returns the status."""
        self._process.send_signal(number)
        return self._process.wait(timeout=30)

    def kill(self):
        self.end(signal.SIGKILL)


class OtelCollector(Program):
    def __init__(self, network, directory, *configurations, env=None):
        """Waits until it is ready. `configurations` are files, or text."""
        log = directory / "otelcol.log"
        before = log.read_bytes().count(READY) if log.exists() else 0
        super().__init__(network, [OTELCOL, *_arguments(directory, configurations)], env or {}, log)
        eventually(lambda: log.read_bytes().count(READY) > before or not self.running(), "the collector is ready")
        assert self.running(), self.log()


def validate(directory, *configurations, env=None):
    """What `otelcol validate` says; nothing if the configuration is valid."""
    done = subprocess.run([OTELCOL, "validate", *_arguments(directory, configurations)], env=env or {}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode or not done.stderr or "warn" in done.stderr, done.stderr
    return done.stderr if done.returncode else ""


def written(path, signal):
    """The groups in a file of the file exporter."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]  # the last one may not be complete
    return [group for line in lines if otlp.LISTS[signal][0] in json.loads(line) for group in otlp.from_json(signal, line)]


def listens(network, address, port):
    with network.entered():
        with socket.socket() as client:
            return client.connect_ex((address, port)) == 0


def _arguments(directory, configurations):
    words = []
    for number, configuration in enumerate(configurations):
        if isinstance(configuration, str):
            path = directory / f"configuration{number}.yaml"
            path.write_text(configuration)
            configuration = path
        words += ["--config", configuration]
    return list(map(str, words))


def _end_with_the_tests():
    namespaces.call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
