"""A container in the soak: an agent that asks without pause, a gate that is killed, and the
records of both."""

import collections
import contextlib
import json
import os
import re
import select
import signal
import socket
import threading
import time

from support import processes
from support.container import Container
from support.dns_wire import question
from support.journal import JOURNAL
from support.limits import GATES_USER
from support.waiting import eventually

RULES = ["--allow", ",".join(f"n{number}.load.example" for number in range(48)), "--allow", "*.wild.example"]
HOLD = ["--hold", "20"]  # seconds; short, so that admissions expire and are renewed during the whole soak
MAX_DEATHS = 6  # in a minute; the ninth ends the agent
LONG = ".".join(["x" * 60] * 3)
AT_ONCE = 50
PROBE_PATIENCE = 6
ENDED = re.compile(rb"the gate ended with (signal|status) (\d+)")


class SoakContainer(Container):
    def __init__(self, path, binary, internet, name, who, journal="file", clock="the machine's"):
        super().__init__(path, binary, internet)
        self.name, self.who, self.journal, self.clock = name, who, journal, clock
        self.gate_lock = threading.Lock()  # held by a fault that needs the gate to stay alive
        self.restart_lock = threading.Lock()  # held while no boot runs
        self.counts = collections.Counter()
        self.first_process = None  # of the agent
        self.said = []  # the errors that the agent reported
        self.kills = collections.deque()  # the times at which the soak killed the gate
        self.gates = set()  # all gates seen since the last boot
        self.earlier_gates = 0  # the number of gates before the last boot
        self.ends = collections.Counter()  # as the keeper reported them
        self.outages = []  # (start, end) of times without a gate
        self.idle = self.unread = False  # unread: the keeper's output is not read
        self.saturated = []  # (start, end) of times in which TCP clients use all resources
        self.tampered = []  # times at which the rules were changed, or a change may have been missed

    def start_load(self, seed, pause):
        audit = ["--audit", "stderr"] if "pipe" in self.journal else []
        user = ["--user", "agent"] if self.who == "agent" else []
        self.session = self.start_boot(*self.agent_command("asker"), str(seed), str(pause), flags=[*user, *RULES, *HOLD, *audit])
        self.session.read_until('"ready": true')
        self.session.err.position = 0
        self.keeper = self.session.program
        self.first_process = next(pid for pid in processes.children(self.keeper) if not _is_ostiary(pid))
        self.earlier_gates += max(0, len(self.gates) - 1)
        self.gates = {self.current_gate()}

    def begin(self):
        self.session.send("begin\n")

    def stop_load(self):
        """Stops the agent's questions."""
        self.session.close_stdin()

    # Output of its processes ----------------------------------------------------------------------

    def listen(self):
        """Reads the new output of agent and keeper."""
        if self.restart_lock.acquire(blocking=False):
            try:
                self._listen()
            finally:
                self.restart_lock.release()

    def _listen(self):
        session = self.session
        for stream in (session.out, session.err):
            if stream.fd is not None and not (self.unread and stream is session.err):
                stream.drain()
        for line in _whole_lines(session.out):
            said = json.loads(line)
            self.counts.update(said.pop("counts", {}))
            self.idle = self.idle or said.pop("idle", False)
            if said and "ready" not in said:
                self.said.append({"container": self.name, **said})
        if session.err.fd is not None:
            for line in _whole_lines(session.err):
                if ended := ENDED.search(line):
                    self.ends[f"{ended[1].decode()} {ended[2].decode()}"] += 1
        if gate := self.current_gate():
            self.gates.add(gate)

    # The gate -------------------------------------------------------------------------------------

    def current_gate(self, also_starting=False):
        """The gate's PID, or None if there is no gate at the moment. A gate that is starting is
        still root."""
        for pid in processes.children(self.keeper):
            if pid == self.first_process:
                continue
            uid = processes.field(pid, "Uid")
            if uid and int(uid.split()[0]) == GATES_USER or (also_starting and uid and _is_ostiary(pid)):
                return pid
        return None

    def kill_gate(self, also_starting=False):
        """Kills the gate and waits until it is dead. Returns whether there was one."""
        pid = self.current_gate(also_starting)
        if pid is None:
            return False
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            self.kills.append(time.monotonic())
            return bool(select.select([handle], [], [], PROBE_PATIENCE)[0])
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)

    def recent_deaths(self):
        now = time.monotonic()
        return sum(1 for moment in list(self.kills) if moment > now - 61)

    def answers(self, name="probe.denied.example", patience=PROBE_PATIENCE):
        """The seconds until the gate answers a new question, or None."""
        with self.socket() as probe:
            probe.settimeout(patience)
            begin = time.monotonic()
            try:
                probe.connect(("127.0.0.1", 53))
                probe.send(question(name))
                probe.recv(4096)
            except OSError:
                return None
            return time.monotonic() - begin

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM):
        """A socket in the container's network, of a process that is not confined."""
        with self.link.network.entered():
            return socket.socket(family, kind)

    def ask_denied_names(self, number):
        """Asks for `number` different denied names. While the gate does not answer, few questions
        are outstanding."""
        with self.socket() as flood:
            flood.settimeout(0.05)
            flood.connect(("127.0.0.1", 53))
            for first in range(0, number, AT_ONCE):
                for count in range(first, min(first + AT_ONCE, number)):
                    flood.send(question(f"v{count}.{LONG}.denied.example"))
                try:
                    for _ in range(AT_ONCE):
                        flood.recv(4096)
                except TimeoutError:
                    time.sleep(1)  # no gate: waiting questions must not use up the space of others

    @contextlib.contextmanager
    def unfinished_questions(self, number):
        """Opens `number` TCP connections, each with the incomplete start of a long question."""
        with contextlib.ExitStack() as held:
            for _ in range(number):
                one = held.enter_context(self.socket(kind=socket.SOCK_STREAM))
                one.settimeout(0.2)
                with contextlib.suppress(OSError):
                    one.connect(("127.0.0.1", 53))
                    one.send(b"\x0f\xff" + bytes(3000))
            yield

    def gate_maps(self, name):
        gate = self.current_gate()
        return gate and name in open(f"/proc/{gate}/maps").read()

    def count_in_journal(self, event):
        """The number of such events in the journal, if the journal is a file."""
        if not self.exists(JOURNAL):
            return 0
        return self.at(JOURNAL).read_bytes().count(b'"event":"%s"' % event.encode())

    # Resources ------------------------------------------------------------------------------------

    def descriptors(self):
        """The number of descriptors of the keeper, and of the gate."""
        gate = eventually(self.current_gate, f"there is a gate in {self.name}")
        return len(os.listdir(f"/proc/{self.keeper}/fd")), len(os.listdir(f"/proc/{gate}/fd"))

    def lasting_zombies(self):
        """Zombies that are not reaped within half a second."""
        first = self._zombies()
        time.sleep(0.5 if first else 0)
        return [found for found in self._zombies() if found in first]

    def _zombies(self):
        return [(pid, processes.field(pid, "Name")) for pid in processes.within(self.session)
                if (processes.field(pid, "State") or "").startswith("Z")]


def _is_ostiary(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").split(" ")[0].endswith("ostiary")
    except OSError:
        return False


def _whole_lines(stream):
    data, _, rest = stream.data.rpartition(b"\n")
    stream.data, stream.position = rest, 0
    return data.split(b"\n") if data else []
