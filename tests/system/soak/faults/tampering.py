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
        house = next((house for house in rng.sample(soak.houses, len(soak.houses))
                      if self._of_late(house) < MOST_IN_A_MINUTE), None)
        prove(house, "every house was tampered with too often for now")
        rules, told = house.rules(), house.told("tampering")
        admitted = house.admitted()
        with soak.record.undone(house, self.name):
            begin = time.monotonic()
            house.tampered.append(begin)
            house.nft(self._command)
            while not (repaired := house.rules() == rules) and time.monotonic() < begin + PATIENCE:
                pass
            took = time.monotonic() - begin
            took_note = self._wait_for_restored(house, told, admitted)
        assert repaired, f"{house.name}: the rules were not put right within {PATIENCE} s"
        prove(took_note, "nobody noticed")
        return {"put right": 1, "within at most (ms, summed)": round(took * 1000)}

    def _wait_for_restored(self, house, told, admitted):
        """Until the keeper has told of it, and the gate has admitted again: all at once, but for what ran out meanwhile."""
        end = time.monotonic() + PATIENCE
        while house.journal == "file" and house.told("tampering") == told and time.monotonic() < end:
            time.sleep(0.02)
        while len(admitted & house.admitted()) < len(admitted) / 2 and time.monotonic() < end:
            time.sleep(0.02)
        return house.journal != "file" or house.told("tampering") > told

    def _of_late(self, house):
        return sum(1 for moment in house.tampered if moment > time.monotonic() - 61)


class TakenOver(Fault):
    """The table is another process's own, so that the kernel refuses every change of it to keeper and gate (EPERM)."""
    name = "table taken over by another root"

    def happen(self, soak, rng, seconds):
        house = soak.a_house(rng, journal="file")
        with house.quiet, house.removal, soak.record.undone(house, self.name):
            house.tampered.append(time.monotonic())
            with house.cable.network.entered():
                owner = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, text=True)
            try:
                owner.stdin.write("delete table inet ostiary; add table inet ostiary { flags owner; }\n")
                owner.stdin.flush()
                end = time.monotonic() + PATIENCE
                while house.session.running() and time.monotonic() < end:
                    time.sleep(0.02)
                ended = not house.session.running()
                said = house.session.wait().stderr if ended else ""
            finally:
                owner.kill()
                owner.wait()
            prove(ended or "flags owner" in house.nft("list", "table", "inet", "ostiary"), "nft made no table of its own")
            assert ended, f"{house.name}: its agent lived on"
            status = house.session.wait().status
            soak.move_in_again(house)
        assert status in (UNAVAILABLE, NOT_PERMITTED), f"{house.name}: status {status}"
        prove("not permitted" in said, "the kernel did not refuse")
        return {"agents ended": 1}


FAULTS = [*(Tampering(name, command) for name, command in WAYS.items()), TakenOver()]
