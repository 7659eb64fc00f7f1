"""The gate gets no more memory: allocation fails at its own limit, or the kernel kills it at the
limit of its control group. Either way the gate dies, and nothing else happens."""

import contextlib
import os
import time
from pathlib import Path

from soak.fault import Fault, prove
from support.limits import limit
from support.waiting import eventually

GROUPS = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")  # of cgroup v1, and of v2
EXTRA = 64 * 1024  # octets, in addition to its present size
PATIENCE = 8


class Limit(Fault):
    def inject(self, soak, rng, seconds):
        container = soak.container_whose_gate_may_die(rng)
        prove(container, "every gate died too often for now")
        with container.gate_lock:
            gate = container.current_gate()
            prove(gate, "there was no gate at that moment")
            began = time.monotonic()
            with self._limited(gate):
                while container.current_gate() == gate and time.monotonic() < began + PATIENCE:
                    with container.unfinished_questions(60):
                        container.ask_denied_names(1200)
                prove(container.current_gate() != gate, f"the gate survived for {PATIENCE} s")
                container.kills.append(time.monotonic())
            eventually(container.answers, f"{container.name}: a gate answers afterwards")
            container.outages.append((began, time.monotonic()))
            container.saturated.append((began, time.monotonic()))
        return {"deaths": 1}


class AddressSpace(Limit):
    name = "memory: address space used up"

    @contextlib.contextmanager
    def _limited(self, gate):
        pages = int(Path(f"/proc/{gate}/statm").read_text().split()[0])
        limit(gate, "as", pages * os.sysconf("SC_PAGESIZE"))
        yield


class ControlGroup(Limit):
    name = "memory: control group's limit hit"

    @contextlib.contextmanager
    def _limited(self, gate):
        group = make_group()
        try:
            limit_of_group(group).write_text(str(EXTRA))  # EBUSY if the group already used more
            (group / "cgroup.procs").write_text(str(gate))
            yield
        finally:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    group.rmdir()
                    break
                except OSError:
                    time.sleep(0.02)


def make_group():
    for parent in GROUPS:
        group = parent / f"ostiary-soak-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if limit_of_group(group).exists():
            return group
        group.rmdir()
    prove(False, "no control group for memory can be made here")


def limit_of_group(group):
    first = group / "memory.limit_in_bytes"
    return first if first.exists() else group / "memory.max"


FAULTS = [AddressSpace(), ControlGroup()]
