"""The memory of an idle keeper. scripts/bench measures its time."""

from support.processes import proportional_set_size
from support.telemetry import TRIO

LIMIT = 4 * 1024  # KiB


def test_the_keeper_at_rest_takes_less_than_4_mib(sandbox):
    session = sandbox.start_boot("sh", "-c", "echo ready; read x", env=TRIO, flags=["--user", "agent"])
    session.read_until("ready")
    assert proportional_set_size(session.program) < LIMIT
