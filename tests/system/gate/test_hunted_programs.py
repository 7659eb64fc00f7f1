"""Programs that scripts/hunt has found, in tests/hunt/corpus/, run again beside the relay, with names checked. No packet
leaves that is not permitted."""

import pytest

from hunt.internet import Internet
from hunt.round import Round, Settings
from hunt.tools import tools_for
from support.project import ROOT

PROGRAMS = sorted((ROOT / "tests" / "hunt" / "corpus").glob("*.hunt"))
TIMES, PATIENCE = 20, 0.3


@pytest.fixture(scope="module", params=["container", "user"])
def hunt_round(request, scratch, binary):
    tools = tools_for(binary)
    internet = Internet()
    settings = Settings(scope=request.param, who="user", quiet=True, relay=True, names=True, workers=1)
    round = Round(internet, scratch, tools, settings, 1)
    round.page.pause = 1
    assert round.boot(), round.boot_failure
    yield round
    round.end(0)
    round.close(internet)
    internet.close()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_program_sends_no_denied_packet(hunt_round, program):
    assert hunt_round.finding_classes(program.read_text(), TIMES, PATIENCE) == set()
