"""A session of the real Claude Code under ostiary, with every kind of content switched on: its telemetry is in the bucket,
signal by signal, and without content unless the collector is told to keep it."""

import json

import pytest

from observability.collecting import bucket, collector, names, settings, stored
from observability.sessions import CONTENT, EXPECTED, session_of
from support.claude import api
from support.otlp import LISTS, SIGNALS
from support.relayed import COLLECTOR
from support.telemetry import MARKER
from support.waiting import eventually

PROMPT, ANSWER, COMMAND, OUTPUT = "sing to the whales", "they liked it", "echo blue$((1))whale", "blue1whale"
SCRIPT = (api.bash(COMMAND), api.say(ANSWER))


@pytest.fixture
def session(claude_container, claude_internet, tmp_path):
    """Runs the session through a collector with this setting, and returns what is then in the bucket. It can have more flags and
    variables, and another script, which ends with the same answer, and of which more is expected."""
    made = []

    def run(content, *flags, script=SCRIPT, of={}, expected=EXPECTED, **env):
        network = claude_internet.network
        store = bucket(network, tmp_path / "store")
        made.extend([store.down, collector(network, tmp_path, **settings(tmp_path, store, COLLECTOR_CONTENT=content)).kill])
        claude_internet.start_over(*script, of=of)
        done = session_of(claude_container, PROMPT, f"http://{COLLECTOR}:8318", *flags, **CONTENT, **env,
                          OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {MARKER}")
        assert done.status == 0 and done.stdout.splitlines()[0] == ANSWER, done
        assert len(claude_internet.api.tool_results()) == len(script) - 1
        return {signal: eventually(lambda: complete(store, signal, expected[signal]), f"all {signal} arrive: {done}", 60)
                for signal in SIGNALS}
    yield run
    for end in reversed(made):
        end()


def complete(store, signal, expected):
    """The requests in the bucket, if everything that is expected is among them."""
    requests = [request for _, request in stored(store, signal)]
    return requests if expected <= set(names(signal, requests)) else None


@pytest.mark.parametrize("content", ["drop", "keep"])
def test_its_telemetry_is_in_the_bucket(session, content):
    found = session(content)
    for signal, requests in found.items():
        resources = [{pair["key"]: pair["value"].get("stringValue") for pair in group["resource"]["attributes"]}
                     for request in requests for group in request[LISTS[signal][0]]]
        assert {each["team"] for each in resources} == {"blue"}
        assert {each["service.name"] for each in resources} == {"claude-code"} | ({"ostiary"} if signal != "traces" else set())
    text = json.dumps(found)
    shown = {each for each in (PROMPT, ANSWER, COMMAND, OUTPUT) if each in text}
    assert shown == (set() if content == "drop" else {PROMPT, ANSWER, COMMAND, OUTPUT})
