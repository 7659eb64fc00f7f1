"""Another root of the machine removes a container's rules. The keeper restores them within
milliseconds, or ends the agent. Packets that leave meanwhile are counted separately."""

import subprocess
import time

from soak.fault import Fault, prove

WAYS = {
    "ruleset flushed by another root": "flush ruleset",
    "table deleted by another root": "delete table inet ostiary",
    "rules flushed by another root": "flush chain inet ostiary output",
    "admissions flushed by another root": "flush set inet ostiary allow4; flush set inet ostiary allow6",
}
MOST_IN_A_MINUTE = 8  # of one container; the seventeenth ends its agent
PATIENCE = 5
UNAVAILABLE, NOT_PERMITTED = 69, 77


def wait_for_restored(container, noted_before, admitted):
    """Waits until the keeper has reported the change, and the gate has admitted its addresses
    again, except expired ones."""
    end = time.monotonic() + PATIENCE
    while container.journal == "file" and container.count_in_journal("tampering") == noted_before and time.monotonic() < end:
        time.sleep(0.02)
    while len(admitted & container.admitted()) < len(admitted) / 2 and time.monotonic() < end:
        time.sleep(0.02)
    return container.journal != "file" or container.count_in_journal("tampering") > noted_before


class Tampering(Fault):
    def __init__(self, name, command):
        self.name, self._command = name, command

    def inject(self, soak, rng, seconds):
        container = next((container for container in rng.sample(soak.containers, len(soak.containers))
                          if self._recent_tampering(container) < MOST_IN_A_MINUTE), None)
        prove(container, "every container was tampered with too often for now")
        rules, noted_before = container.rules(), container.count_in_journal("tampering")
        admitted = container.admitted()
        with soak.record.rules_missing(container, self.name):
            begin = time.monotonic()
            container.tampered.append(begin)
            container.nft(self._command)
            while not (repaired := container.rules() == rules) and time.monotonic() < begin + PATIENCE:
                pass
            took = time.monotonic() - begin
            noticed = wait_for_restored(container, noted_before, admitted)
        assert repaired, f"{container.name}: the rules were not restored within {PATIENCE} s"
        prove(noticed, "the audit does not report it")
        return {"restored": 1, "within at most (ms, summed)": round(took * 1000)}

    def _recent_tampering(self, container):
        return sum(1 for moment in container.tampered if moment > time.monotonic() - 61)


class TakenOver(Fault):
    """Another process owns the table, so that the kernel refuses every change by keeper and gate
    (EPERM)."""
    name = "table taken over by another root"

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, journal="file")
        with container.gate_lock, container.restart_lock, soak.record.rules_missing(container, self.name):
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
            prove(ended or "flags owner" in container.nft("list", "table", "inet", "ostiary"), "nft did not make a table with an owner")
            assert ended, f"{container.name}: its agent was not ended"
            status = container.session.wait().status
            soak.restart(container)
        assert status in (UNAVAILABLE, NOT_PERMITTED), f"{container.name}: status {status}"
        prove("not permitted" in said, "the kernel did not refuse")
        return {"agents ended": 1}


FAULTS = [*(Tampering(name, command) for name, command in WAYS.items()), TakenOver()]
