"""The memory of an idle keeper. scripts/bench measures its time."""

from support.processes import proportional_set_size
from support.telemetry import TRIO
from support.waiting import eventually

LIMIT = 3 * 1024  # KiB


def test_the_keeper_at_rest_takes_less_than_3_mib(sandbox):
    """The agent's first line can come before the keeper has freed what only the boot needs."""
    session = sandbox.start_boot("sh", "-c", "echo ready; read x", env=TRIO, flags=["--user", "agent"])
    session.read_until("ready")
    eventually(lambda: proportional_set_size(session.program) < LIMIT, "the keeper freed what only the boot needs")
