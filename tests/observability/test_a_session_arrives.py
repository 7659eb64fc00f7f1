"""Sessions of the real Claude Code under ostiary, through the collector of container/stack, in the real Prometheus, VictoriaLogs and
Jaeger: its records, its trace and its metrics are there, and the sum of what its counters grew by is what the session says that it
cost, whether it sends delta or cumulative metrics. container/stack/stack asks these stores."""

import json
import os
import re
import subprocess
import sys

import pytest

from observability.sessions import CONTENT, EXPECTED, a_container, session_of
from support.claude import api
from support.relayed import AT, COLLECTOR
from support.stack import STACK
from support.stack_stores import Stores, missing
from support.waiting import eventually

PROMPT, ANSWER, COMMAND, OUTPUT = "sing to the whales", "they liked it", "echo blue$((1))whale", "blue1whale"
TEMPORALITIES = ("delta", "cumulative")
NAMES = {"claude_code_session_count_total", "claude_code_token_usage_tokens_total", "claude_code_cost_usage_USD_total",
         "claude_code_active_time_seconds_total"}
PATIENCE = 150  # seconds; a rule is evaluated once a minute


@pytest.fixture(scope="module")
def stores(claude_internet, tmp_path_factory):
    if why := missing():
        pytest.skip(why)
    with Stores(claude_internet.network, tmp_path_factory.mktemp("stores"), collector_address=AT) as made:
        yield made


@pytest.fixture(scope="module")
def sessions(scratch, binary, claude_internet, stores):
    """What each session says about itself, by its temporality, which is its team too."""
    found = {}
    for temporality in TEMPORALITIES:
        with a_container(scratch, binary, claude_internet) as container:
            claude_internet.start_over(api.bash(COMMAND), api.say(ANSWER))
            done = session_of(container, PROMPT, f"http://{COLLECTOR}:4318", "--output-format", "json", **CONTENT,
                              OSTIARY_RELAY="on", OTEL_RESOURCE_ATTRIBUTES=f"team={temporality}",
                              OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
            assert done.status == 0, done
            found[temporality] = json.loads(done.stdout)
            assert found[temporality]["result"] == ANSWER and found[temporality]["total_cost_usd"] > 0
    return found


@pytest.fixture(params=TEMPORALITIES)
def session(request, sessions):
    """The session's team, and what it says about itself."""
    return request.param, sessions[request.param]


def test_its_records_are_in_victorialogs(stores, session):
    team, said = session

    def records():
        found = stores.logs.query(f'"team":="{team}" "service.name":="claude-code"')
        return found if EXPECTED["logs"] <= {record["event.name"] for record in found} else None
    found = eventually(records, f"all kinds arrive: {stores.log()}", 60)
    assert {record["session.id"] for record in found} == {said["session_id"]}
    assert {record["prompt"] for record in found if record["event.name"] == "user_prompt"} == {PROMPT}
    assert {record["_stream"] for record in found} == {'{service.name="claude-code"}'}
    eventually(lambda: stores.logs.query(f'"team":="{team}" "service.name":="ostiary"'), "ostiary's own records arrive", 60)


def test_its_spans_are_one_trace_in_jaeger(stores, session):
    team, _ = session

    def traces():
        found = [trace for trace in stores.jaeger.traces("claude-code", tags={"team": team})]
        return found if EXPECTED["traces"] <= {span["operationName"] for trace in found for span in trace} else None
    trace, = eventually(traces, f"all spans arrive: {stores.log()}", 60)
    ids = {record.get("trace_id") for record in stores.logs.query(f'"team":="{team}" "event.name":="tool_result"')}
    assert ids == {trace[0]["traceID"]}


def test_its_metrics_have_one_name_each_and_its_attributes_as_labels(stores, session):
    team, said = session
    eventually(lambda: NAMES <= {labels["__name__"] for labels, _ in stores.prometheus.query(f'{{team="{team}"}}')},
               f"all arrive: {stores.prometheus.names()}", 60)
    assert not [name for name in stores.prometheus.names() if re.search("claude_code.*claude_code|_total_total", name)]
    for labels, _ in stores.prometheus.query(f'claude_code_cost_usage_USD_total{{team="{team}"}}'):
        assert labels["service_name"] == "claude-code" and labels["session_id"] == said["session_id"] and labels["model"]


def test_the_sum_of_the_increments_is_what_the_session_cost(stores, session):
    team, said = session

    def grown(counter):
        found = stores.prometheus.query(f'sum(sum_over_time({counter}:increase1m{{team="{team}"}}[30m]))')
        return found[0][1] if found else 0

    def evaluations():
        found = stores.prometheus.query(f'max(count_over_time(claude_code_cost_usage_USD:increase1m{{team="{team}"}}[30m]))')
        return found[0][1] if found else 0
    # The second evaluation counts nothing again.
    eventually(lambda: evaluations() >= 2, "the rules are evaluated twice", PATIENCE)
    assert grown("claude_code_cost_usage_USD") == pytest.approx(said["total_cost_usd"], rel=1e-6)
    assert grown("claude_code_session_count") == 1
    tokens = sum(usage[kind] for usage in said["modelUsage"].values() for kind in (
        "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"))
    assert grown("claude_code_token_usage_tokens") == tokens > 0


def stack(stores, directory, *words):
    """container/stack/stack with the profile apache, on the stores' machine."""
    with stores.network.entered():
        return subprocess.run([sys.executable, STACK / "stack", *words], capture_output=True, text=True, timeout=120, env={
            "PATH": os.environ["PATH"], "XDG_STATE_HOME": str(directory), "STACK_PROFILE": "apache"})


def test_check_finds_the_sessions_in_each_store(stores, sessions, tmp_path):
    done = eventually(lambda: (found := stack(stores, tmp_path, "check")).stdout.count(": data, ") == 3 and found,
                      "check finds all", 60)
    assert done.returncode == 0 and [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "Prometheus", "VictoriaLogs", "Jaeger"]


def test_check_awaits_the_batch_that_ostiary_telemetry_check_sends(stores, binary, tmp_path):
    done = stack(stores, tmp_path, "check", "--marked", "ostiary.check=0123456789abcdef", "--wait", "3s")
    assert done.returncode == 69 and done.stdout.count("does not have it") == 3, done
    (tmp_path / "home").mkdir()
    with stores.network.entered():
        sent = subprocess.run([binary, "telemetry", "check", "--scope", "environment"], capture_output=True, text=True, timeout=60, env={
            "HOME": str(tmp_path / "home"), "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": stores.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            **{f"OTEL_{signal}_EXPORTER": "otlp" for signal in ("TRACES", "METRICS", "LOGS")}})
    assert sent.returncode == 0, sent
    mark, = re.findall(r"ostiary\.check=\S+", sent.stdout)
    done = stack(stores, tmp_path, "check", "--marked", mark, "--wait", "30s")
    assert done.returncode == 0, (done, sent)
    assert set(re.findall(r"^(.*): in (\w+) after \d+\.\d s$", done.stdout, re.M)) == {
        ("span", "Jaeger"), ("metric", "Prometheus"), ("log record", "VictoriaLogs")}


def test_a_store_that_does_not_answer_is_an_error(tmp_path, stores):
    with stores.network.entered():
        done = subprocess.run([sys.executable, STACK / "stack", "check"], capture_output=True, text=True, timeout=60, env={
            "PATH": os.environ["PATH"], "XDG_STATE_HOME": str(tmp_path), "STACK_PROFILE": "apache", "STACK_PORT_JAEGER": "1"})
    assert done.returncode == 69 and re.search("^Jaeger: error: no answer from http://127.0.0.1:1/", done.stdout, re.M), done
