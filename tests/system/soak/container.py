"""A gatehouse in the soak: an agent that asks all the time, a gate that is killed, and what both were seen to do."""

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

import dns.message

from support import processes
from support.container import JOURNAL, Container
from support.limits import GATES_USER
from support.waiting import eventually

RULES = ["--allow", ",".join(f"n{number}.load.example" for number in range(48)), "--allow", "*.wild.example"]
HOLD = ["--hold", "20"]  # seconds; short, so that admissions end and are renewed all along
MOST_DEATHS = 6  # within a minute; the ninth ends the agent
LONG = ".".join(["x" * 60] * 3)
AT_ONCE = 50
PROBE_PATIENCE = 6
ENDED = re.compile(rb"the gate ended with (signal|status) (\d+)")


class SoakContainer(Container):
    def __init__(self, path, binary, internet, name, who, journal="file", clock="the machine's"):
        super().__init__(path, binary, internet)
        self.name, self.who, self.journal, self.clock = name, who, journal, clock
        self.quiet = threading.Lock()  # held by who needs the gate to be left alone
        self.removal = threading.Lock()  # held while nobody lives there
        self.counts = collections.Counter()
        self.first_process = None  # of the agent
        self.said = []  # what the agent found wrong
        self.kills = collections.deque()  # the times of all deaths that were our doing
        self.gates = set()  # all that were seen of this life of the house
        self.earlier_gates = 0  # that ended in the lives before
        self.ends = collections.Counter()  # as the keeper told them
        self.downs = []  # from and to
        self.calm = self.deaf = False  # deaf: nobody reads what the keeper says
        self.crowds = []  # from and to, of TCP clients that take all there is
        self.tampered = []  # when

    def move_in(self, seed, pause):
        audit = ["--audit", "stderr"] if "pipe" in self.journal else []
        user = ["--user", "agent"] if self.who == "agent" else []
        self.session = self.start_boot(*self.agent_command("asker"), str(seed), str(pause), flags=[*user, *RULES, *HOLD, *audit])
        self.session.read_until('"ready": true')
        self.session.err.position = 0
        self.keeper = self.session.program
        self.first_process = next(pid for pid in processes.children(self.keeper) if not _is_ostiary(pid))
        self.earlier_gates += max(0, len(self.gates) - 1)
        self.gates = {self.gate_now()}

    def begin(self):
        self.session.send("begin\n")

    def calm_down(self):
        """Its agent asks no more."""
        self.session.close_stdin()

    # What its processes say ---------------------------------------------------------------------------------

    def listen(self):
        """Takes in what agent and keeper said since."""
        if self.removal.acquire(blocking=False):
            try:
                self._listen()
            finally:
                self.removal.release()

    def _listen(self):
        session = self.session
        for stream in (session.out, session.err):
            if stream.fd is not None and not (self.deaf and stream is session.err):
                stream.drain()
        for line in _whole_lines(session.out):
            said = json.loads(line)
            self.counts.update(said.pop("counts", {}))
            self.calm = self.calm or said.pop("idle", False)
            if said and "ready" not in said:
                self.said.append({"container": self.name, **said})
        if session.err.fd is not None:
            for line in _whole_lines(session.err):
                if ended := ENDED.search(line):
                    self.ends[f"{ended[1].decode()} {ended[2].decode()}"] += 1
        if gate := self.gate_now():
            self.gates.add(gate)

    # The gate -----------------------------------------------------------------------------------------------

    def gate_now(self, also_beginning=False):
        """None where there is none at the moment; one that just begins is root still."""
        for pid in processes.children(self.keeper):
            if pid == self.first_process:
                continue
            uid = processes.field(pid, "Uid")
            if uid and int(uid.split()[0]) == GATES_USER or (also_beginning and uid and _is_ostiary(pid)):
                return pid
        return None

    def kill_gate(self, also_beginning=False):
        """Whether there was one; it is dead when this returns."""
        pid = self.gate_now(also_beginning)
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

    def deaths_lately(self):
        now = time.monotonic()
        return sum(1 for moment in list(self.kills) if moment > now - 61)

    def answers(self, name="probe.denied.example", patience=PROBE_PATIENCE):
        """Seconds until the gate answers somebody who asks now, or None."""
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
        """Of somebody who is in its network, and not confined otherwise."""
        with self.link.network.entered():
            return socket.socket(family, kind)

    def ask_in_vain(self, number):
        """For so many names that nobody allows, each another one; no more at a time than find room while nobody answers."""
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
                    time.sleep(1)  # nobody there: what waits must not take the room of others' questions

    @contextlib.contextmanager
    def unfinished_questions(self, number):
        """So many TCP connections, each with the long beginning of one."""
        with contextlib.ExitStack() as held:
            for _ in range(number):
                one = held.enter_context(self.socket(kind=socket.SOCK_STREAM))
                one.settimeout(0.2)
                with contextlib.suppress(OSError):
                    one.connect(("127.0.0.1", 53))
                    one.send(b"\x0f\xff" + bytes(3000))
            yield

    def gate_maps(self, name):
        gate = self.gate_now()
        return gate and name in open(f"/proc/{gate}/maps").read()

    def told(self, event):
        """How often, as the journal has it, if it is a file."""
        if not self.exists(JOURNAL):
            return 0
        return self.at(JOURNAL).read_bytes().count(b'"event":"%s"' % event.encode())

    # What it holds ------------------------------------------------------------------------------------------

    def descriptors(self):
        """How many keeper and gate have."""
        gate = eventually(self.gate_now, f"there is a gate in {self.name}")
        return len(os.listdir(f"/proc/{self.keeper}/fd")), len(os.listdir(f"/proc/{gate}/fd"))

    def lasting_zombies(self):
        """Whoever has just died is reaped at once."""
        first = self._zombies()
        time.sleep(0.5 if first else 0)
        return [found for found in self._zombies() if found in first]

    def _zombies(self):
        return [(pid, processes.field(pid, "Name")) for pid in processes.within(self.session)
                if (processes.field(pid, "State") or "").startswith("Z")]


def question(name):
    return dns.message.make_query(name, "A", id=7).to_wire()


def _is_ostiary(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe").split(" ")[0].endswith("ostiary")
    except OSError:
        return False


def _whole_lines(stream):
    data, _, rest = stream.data.rpartition(b"\n")
    stream.data, stream.position = rest, 0
    return data.split(b"\n") if data else []
