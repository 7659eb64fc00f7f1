"""What the keeper costs while it rests. Its time is measured by scripts/bench."""

from pathlib import Path

from support.telemetry import TRIO

LIMIT = 4 * 1024  # KiB


def proportional_set_size(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_the_keeper_at_rest_takes_less_than_4_mib(sandbox):
    session = sandbox.start_boot("sh", "-c", "echo ready; read x", env=TRIO, flags=["--user", "agent"])
    session.read_until("ready")
    assert proportional_set_size(session.program) < LIMIT
