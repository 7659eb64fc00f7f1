"""A running process of a sandbox: its output, its input, and its end."""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from dataclasses import dataclass
from functools import cached_property

from support.processes import children, namespace_of
from support.waiting import PATIENCE, eventually


@dataclass
class Result:
    status: int  # the exit status; -n when signal n ended it
    out: bytes
    err: bytes

    @property
    def stdout(self):
        return self.out.decode(errors="surrogateescape")

    @property
    def stderr(self):
        return self.err.decode(errors="surrogateescape")

    def __str__(self):
        return f"status {self.status}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"


class Stream:
    """The reading end of a pipe, or a terminal's master side."""

    def __init__(self, fd):
        os.set_blocking(fd, False)
        self.fd, self.data, self.position, self.open = fd, b"", 0, True

    def pump(self):
        """Reads the available data. Returns whether there was any."""
        try:
            piece = os.read(self.fd, 65536)
        except BlockingIOError:
            return False
        except OSError:  # EIO: the last process that had the terminal has ended
            piece = b""
        self.data += piece
        self.open = self.open and bool(piece)
        return bool(piece)

    def drain(self):
        while self.open and self.pump():
            pass

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.open = None, False


class Session:
    def __init__(self, pid, out, err=None, stdin=None, direct=True):
        """`direct`: the program is the process itself, otherwise its first child."""
        self.pid = pid  # in the PID namespace of the tests
        self.pidfd = os.pidfd_open(pid)
        self.direct = direct
        self.namespace = namespace_of(pid)
        self.out = Stream(out)
        self.err = Stream(err) if err is not None else None
        self.stdin = stdin
        self._result = None

    @cached_property
    def program(self):
        if self.direct:
            return self.pid
        return eventually(lambda: children(self.pid), "process 1 has a child")[0]

    @property
    def agent(self):
        """The PID of the keeper's first child in the PID namespace of the tests. Not valid while
        an auth hook may run."""
        return eventually(lambda: children(self.program), "the agent has been started")[0]

    def signal(self, number):
        os.kill(self.program, number)

    def send(self, text):
        os.write(self.stdin, text.encode())

    def close_stdin(self):
        os.close(self.stdin)
        self.stdin = None

    def hang_up(self):
        """Closes the other end of the terminal."""
        self.out.close()
        self.stdin = None

    def resize(self, rows, columns):
        fcntl.ioctl(self.out.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, pattern, stream=None):
        """Reads until `pattern` matches, and returns the match. Earlier output is not searched
        again."""
        stream = stream or self.out
        end = time.monotonic() + PATIENCE
        while not (match := re.compile(pattern.encode(), re.M).search(stream.data, stream.position)):
            assert stream.open and time.monotonic() < end, f"no {pattern!r} in {self}"
            self._pump(end)
        stream.position = match.end()
        return match

    def read_all_of(self, *patterns):
        """Waits for all patterns, in any order. Output between the matches is lost to later reads."""
        start = self.out.position
        ends = []
        for pattern in patterns:
            self.out.position = start
            ends.append(self.read_until(pattern).end())
        self.out.position = max(ends)

    def read_error_until(self, pattern):
        return self.read_until(pattern, self.err)

    def wait(self, patience=PATIENCE):
        """Waits until the process ends by itself."""
        end = time.monotonic() + patience
        while not self._ended():
            assert time.monotonic() < end, f"still running after {patience} s: {self}"
            self._pump(end, self.pidfd)
        return self._collect()

    def running(self):
        return self._result is None and not self._ended()

    def end(self):
        """Kills the process if it still runs."""
        if self._result is None:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            self._collect()
        if self.stdin not in (None, self.out.fd):
            os.close(self.stdin)
        for stream in filter(None, (self.out, self.err)):
            stream.close()
        os.close(self.pidfd)

    def __str__(self):
        said = [stream.data.decode(errors="replace") for stream in (self.out, self.err) if stream]
        return "\n---\n".join([f"process {self.pid}", *said])

    def _ended(self):
        return self._result is not None or bool(select.select([self.pidfd], [], [], 0)[0])

    def _pump(self, end, *more):
        streams = [s for s in (self.out, self.err) if s and s.open]
        ready, _, _ = select.select([s.fd for s in streams] + list(more), [], [], max(0, end - time.monotonic()))
        for stream in streams:
            if stream.fd in ready:
                stream.pump()

    def _collect(self):
        if self._result is None:
            _, status = os.waitpid(self.pid, 0)
            for stream in filter(None, (self.out, self.err)):
                stream.drain()
            self._result = Result(os.waitstatus_to_exitcode(status), self.out.data, self.err.data if self.err else b"")
        return self._result
