"""What Claude Code's tools can reach and see, as shown by the command that they run."""

import pytest

from support.claude import api
from support.claude.internet import ADDRESS, UNLISTED
from support.capabilities import names_of
from test_claude_telemetry import TOKEN, TRIO

ATTEMPTS = 10
FAST = 50  # milliseconds, in addition to the start of the program
NAME_NOT_RESOLVED, NOT_CONNECTED = "6", "7"  # curl's exit statuses
NOTHING = f"{0:016x}"  # an empty set of capabilities

TOOL = f"""
timed() {{
  what=$1; shift
  before=$(date +%s%N)
  curl --silent --max-time 10 "$@" >/dev/null
  echo "$what $? $((($(date +%s%N) - before) / 1000000))"
}}
for attempt in $(seq {ATTEMPTS}); do
  timed start --version
  timed by-name https://{UNLISTED}/
  timed by-address http://{ADDRESS[UNLISTED]}/
done
echo "otel $(env | grep -c OTEL_)"
echo "env-file $(cat /run/ostiary/otel.env 2>&1)"
echo "user $(id -u)"
sed -n 's/^\\(Cap[A-Za-z]*\\|NoNewPrivs\\):/privilege \\1/p' /proc/self/status
for words in 'flush ruleset' 'delete table inet ostiary' 'add table inet mine'; do
  echo "rules $(nft $words 2>&1 | grep -o 'Operation not permitted')"
done
"""


@pytest.fixture(scope="module")
def turn(module_claude):
    """One turn in which the tool tries everything. The tests look at the results."""
    return Turn(module_claude)


class Turn:
    def __init__(self, claude):
        done = claude.run(api.bash(TOOL), api.say("tried"), prompt="try", env=TRIO)
        assert done.status == 0, done
        self.internet, self.audit, self.packets = claude.internet, claude.container.audit(), claude.internet.packets()
        self.said, = claude.internet.api.tool_results()

    def reported(self, word):
        """The rest of each line that begins with this word."""
        return [line.split()[1:] for line in self.said.splitlines() if line.startswith(f"{word} ")]


@pytest.mark.parametrize("way, status", [("by-name", NAME_NOT_RESOLVED), ("by-address", NOT_CONNECTED)])
def test_a_host_that_no_rule_names_is_refused_at_once(turn, way, status):
    attempts = turn.reported(way)
    assert [found for found, _ in attempts] == [status] * ATTEMPTS, turn.said
    # The fastest of each, since the machine may be busy.
    quickest, start = (min(int(took) for _, took in turn.reported(what)) for what in (way, "start"))
    assert quickest - start < FAST


def test_neither_its_lookup_nor_a_packet_reaches_the_internet(turn):
    assert UNLISTED not in turn.internet.upstream.names()
    assert turn.internet.packets_to(UNLISTED, turn.packets) == []
    assert turn.internet.unlisted == []


def test_the_audit_lists_the_denied_host(turn):
    denied = [event for event in turn.audit if event["event"] == "deny"]
    assert any(event.get("name") == UNLISTED for event in denied), denied
    assert any(event.get("address") == ADDRESS[UNLISTED] for event in denied), denied


def test_a_tool_finds_no_telemetry_in_its_environment_and_cannot_read_the_file(turn):
    assert turn.reported("otel") == [["0"]]
    assert turn.reported("env-file") == ["cat: /run/ostiary/otel.env: Permission denied".split()]
    assert TOKEN not in turn.said


def test_a_tool_has_no_capability_and_cannot_get_one_for_the_network(turn):
    sets = dict(turn.reported("privilege"))
    bounding = names_of(sets.pop("CapBnd"))
    assert sets == {"CapInh": NOTHING, "CapPrm": NOTHING, "CapEff": NOTHING, "CapAmb": NOTHING, "NoNewPrivs": "1"}
    assert not bounding & {"NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SETPCAP", "KILL"}
    (user,), = turn.reported("user")
    assert user != "0"


def test_a_tool_cannot_change_the_rules(turn):
    assert turn.reported("rules") == ["Operation not permitted".split()] * 3
    assert not [event for event in turn.audit if event["event"] == "tampering"]
