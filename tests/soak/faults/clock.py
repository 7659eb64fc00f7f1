"""Steps the clock for all processes of one container: their clock calls go through
stepped_clock.c. The machine's clock does not change."""

import datetime
import json
import mmap
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

from soak.fault import Fault, prove
from support.journal import JOURNAL

SOURCE = Path(__file__).with_name("stepped_clock.c")
DIRECTORY = "/opt/clock"
STEPS = [-10 * 365 * 86400, -86400, -3600, 3600, 86400, 10 * 365 * 86400]  # seconds
PATIENCE = 5


def install(container):
    """Call this before the container boots."""
    compiler = shutil.which("cc") or shutil.which("g++")
    container.write(f"{DIRECTORY}/offset", bytes(8))
    subprocess.run([compiler, "-x", "c", "-shared", "-fPIC", "-O1", "-o", container.at(f"{DIRECTORY}/stepped_clock.so"),
                    SOURCE], check=True)
    container.write("/etc/ld.so.preload", f"{DIRECTORY}/stepped_clock.so\n")


class Stepped(Fault):
    name = "clock stepped"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, clock="its own")
        prove(container.gate_maps("stepped_clock.so"), "the gate's clock is the machine's")
        steps = rng.sample(STEPS, 2)
        with container.at(f"{DIRECTORY}/offset").open("r+b") as file, mmap.mmap(file.fileno(), 8) as offset:
            for step in [*steps, 0]:
                offset[:8] = struct.pack("q", step)
                self._expect_new_time(container, step)
                time.sleep(seconds / 3)
        return {"steps": len(steps) + 1, "hours": sum(abs(step) for step in steps) // 3600}

    def _expect_new_time(self, container, step):
        """Waits until the gate's next events carry the new time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            container.ask_denied_names(1)
            time.sleep(0.1)
            if abs(last_time(container) - time.time() - step) < PATIENCE:
                return
        prove(False, "no event carries the new time")


def last_time(container):
    with container.at(JOURNAL).open("rb") as journal:
        journal.seek(-min(4096, os.fstat(journal.fileno()).st_size), os.SEEK_END)
        line = journal.read().split(b"\n")[-2]
    return datetime.datetime.fromisoformat(json.loads(line)["time"].replace("Z", "+00:00")).timestamp()


FAULTS = [Stepped()]
