"""Another root of the machine undoes the rules of a house: they are made anew within milliseconds, or its agent is ended.
What leaves in between has no rules to hold it; what leaves afterwards has."""

import subprocess
import time

from soak.fault import Fault, prove

WAYS = {
    "ruleset flushed by another root": "flush ruleset",
    "table deleted by another root": "delete table inet ostiary",
    "rules flushed by another root": "flush chain inet ostiary output",
    "admissions flushed by another root": "flush set inet ostiary allow4; flush set inet ostiary allow6",
}
MOST_IN_A_MINUTE = 8  # of one house; the seventeenth ends its agent
PATIENCE = 5
UNAVAILABLE, NOT_PERMITTED = 69, 77


class Tampering(Fault):
    def __init__(self, name, command):
        self.name, self._command = name, command

    def happen(self, soak, rng, seconds):
        container = next((container for container in rng.sample(soak.containers, len(soak.containers))
                      if self._of_late(container) < MOST_IN_A_MINUTE), None)
        prove(container, "every container was tampered with too often for now")
        rules, told = container.rules(), container.told("tampering")
        admitted = container.admitted()
        with soak.record.undone(container, self.name):
            begin = time.monotonic()
            container.tampered.append(begin)
            container.nft(self._command)
            while not (repaired := container.rules() == rules) and time.monotonic() < begin + PATIENCE:
                pass
            took = time.monotonic() - begin
            took_note = self._wait_for_restored(container, told, admitted)
        assert repaired, f"{container.name}: the rules were not put right within {PATIENCE} s"
        prove(took_note, "nobody noticed")
        return {"put right": 1, "within at most (ms, summed)": round(took * 1000)}

    def _wait_for_restored(self, container, told, admitted):
        """Until the keeper has told of it, and the gate has admitted again: all at once, but for what ran out meanwhile."""
        end = time.monotonic() + PATIENCE
        while container.journal == "file" and container.told("tampering") == told and time.monotonic() < end:
            time.sleep(0.02)
        while len(admitted & container.admitted()) < len(admitted) / 2 and time.monotonic() < end:
            time.sleep(0.02)
        return container.journal != "file" or container.told("tampering") > told

    def _of_late(self, container):
        return sum(1 for moment in container.tampered if moment > time.monotonic() - 61)


class TakenOver(Fault):
    """The table is another process's own, so that the kernel refuses every change of it to keeper and gate (EPERM)."""
    name = "table taken over by another root"

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng, journal="file")
        with container.quiet, container.removal, soak.record.undone(container, self.name):
            container.tampered.append(time.monotonic())
            with container.link.network.entered():
                owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, text=True)
            try:
                owner.stdin.write("delete table inet ostiary; add table inet ostiary { flags owner; }\n")
                owner.stdin.flush()
                end = time.monotonic() + PATIENCE
                while container.session.running() and time.monotonic() < end:
                    time.sleep(0.02)
                ended = not container.session.running()
                said = container.session.wait().stderr if ended else ""
            finally:
                owner.kill()
                owner.wait()
            prove(ended or "flags owner" in container.nft("list", "table", "inet", "ostiary"), "nft made no table of its own")
            assert ended, f"{container.name}: its agent lived on"
            status = container.session.wait().status
            soak.move_in_again(container)
        assert status in (UNAVAILABLE, NOT_PERMITTED), f"{container.name}: status {status}"
        prove("not permitted" in said, "the kernel did not refuse")
        return {"agents ended": 1}


FAULTS = [*(Tampering(name, command) for name, command in WAYS.items()), TakenOver()]
