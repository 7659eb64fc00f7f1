"""The gate gets no more memory: by its own limit, where allocation fails, or by a control group's, where the kernel ends
it. Both are a death, and nothing more."""

import contextlib
import os
import time
from pathlib import Path

from soak.fault import Fault, prove
from support.limits import limit
from support.waiting import eventually

GROUPS = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")  # of the first version, and of the second
MORE = 64 * 1024  # octets, than it has at the moment
PATIENCE = 8


class Limit(Fault):
    def happen(self, soak, rng, seconds):
        container = soak.a_house_that_may_lose_its_gate(rng)
        prove(container, "every gate died too often for now")
        with container.quiet:
            gate = container.gate_now()
            prove(gate, "there was no gate at that moment")
            began = time.monotonic()
            with self._limited(gate):
                while container.gate_now() == gate and time.monotonic() < began + PATIENCE:
                    with container.unfinished_questions(60):
                        container.ask_in_vain(1200)
                prove(container.gate_now() != gate, f"the gate lived on for {PATIENCE} s")
                container.kills.append(time.monotonic())
            eventually(container.answers, f"{container.name}: a gate answers afterwards")
            container.downs.append((began, time.monotonic()))
            container.crowds.append((began, time.monotonic()))
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
            (group / "cgroup.procs").write_text(str(gate))
            limit_of_group(group).write_text(str(MORE))
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
