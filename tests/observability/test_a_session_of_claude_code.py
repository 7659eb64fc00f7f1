"""A session of the real Claude Code under ostiary, with every kind of content switched on: its telemetry is in the bucket,
signal by signal, and without content unless the collector is told to keep it."""

import json
import os
import shutil
import tempfile

import pytest

from observability.collecting import bucket, collector, names, settings, stored
from support import namespaces
from support.behaviours import addresses
from support.claude import api
from support.claude.claude import ENVIRONMENT
from support.claude.internet import ClaudeInternet
from support.container import Container
from support.otelcol import BUILT
from support.otlp import LISTS, SIGNALS
from support.relayed import AT, COLLECTOR
from support.rootfs import AGENT
from support.telemetry import MARKER
from support.waiting import eventually

CLAUDE = BUILT / "claude"
PROMPT, ANSWER, COMMAND, OUTPUT = "sing to the whales", "they liked it", "echo blue$((1))whale", "blue1whale"
CONTENT = {name: "1" for name in ("OTEL_LOG_USER_PROMPTS", "OTEL_LOG_ASSISTANT_RESPONSES", "OTEL_LOG_TOOL_DETAILS",
                                  "OTEL_LOG_TOOL_CONTENT", "OTEL_LOG_RAW_API_BODIES", "ENABLE_BETA_TRACING_DETAILED")}

# Without claude_code.interaction, which ends last: on a busy machine Claude Code ends without sending it.
EXPECTED = {"traces": {"claude_code.llm_request", "claude_code.tool", "claude_code.tool.execution"},
            "metrics": {"claude_code.session.count", "claude_code.token.usage", "claude_code.cost.usage"},
            "logs": {"user_prompt", "api_request", "api_request_body", "api_response_body", "tool_decision", "tool_result",
                     "assistant_response"}}


@pytest.fixture(scope="module")
def claude_internet(tmp_path_factory):
    if not CLAUDE.exists():
        pytest.skip("there is no Claude Code: install npm, and run tests/observability/build")
    made = ClaudeInternet(tmp_path_factory.mktemp("internet"))
    made.upstream.name(COLLECTOR, addresses(AT))
    yield made
    made.close()


@pytest.fixture
def container(scratch, binary, claude_internet):
    made = Container(tempfile.mkdtemp(dir=scratch), binary, claude_internet)
    made.write("/opt/bin/claude", "", mode=0o755)
    namespaces.bind(CLAUDE, made.at("/opt/bin/claude"))
    os.chown(made.at("/work"), AGENT, AGENT)
    made.write("/etc/authority.pem", claude_internet.authority.certificate.read_text())
    yield made
    made.end()
    namespaces.unmount(made.at("/opt/bin/claude"))
    claude_internet.detach(made.link)
    shutil.rmtree(made.path)


@pytest.fixture
def session(container, claude_internet, tmp_path):
    """Runs the session, with more variables, through a collector with this setting, and returns what is then in the bucket."""
    made = []

    def run(content, **env):
        network = claude_internet.network
        store = bucket(network, tmp_path / "store")
        made.extend([store.down, collector(network, tmp_path, **settings(tmp_path, store, COLLECTOR_CONTENT=content)).kill])
        claude_internet.start_over(api.bash(COMMAND), api.say(ANSWER))
        done = container.run(
            "run", "--user", "agent", "--workdir", "/work", "--", "claude", "-p", PROMPT, "--allowedTools", "Bash",
            env=ENVIRONMENT | CONTENT | env | {
                "NODE_EXTRA_CA_CERTS": "/etc/authority.pem", "DISABLE_AUTOUPDATER": "1",
                "OSTIARY_AUDIT_OTLP": "on", "CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "20000",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:8318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {MARKER}", "OTEL_RESOURCE_ATTRIBUTES": "team=blue"})
        assert done.status == 0 and done.stdout.strip() == ANSWER, done
        assert claude_internet.api.tool_results() == [OUTPUT]
        return {signal: eventually(lambda: complete(store, signal), f"all {signal} arrive: {done}", 60) for signal in SIGNALS}
    yield run
    for end in reversed(made):
        end()


def complete(store, signal):
    """The requests in the bucket, if everything that is expected is among them."""
    requests = [request for _, request in stored(store, signal)]
    return requests if EXPECTED[signal] <= set(names(signal, requests)) else None


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
