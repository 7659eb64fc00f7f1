"""`ostiary telemetry local`: the steps between the stack's script and Claude Code's settings. The script is a made-up one here;
tests/observability runs that of container/stack."""

import json
import re

import pytest

from support.collector import Collector
from support.network import NetworkNamespace
from support.otlp import SIGNALS
from support.rootfs import AGENT
from support.web import Response, Web

HOME = "/home/agent"
SETTINGS = f"{HOME}/.claude/settings.json"
STACK = "/opt/stack"
CALLS = "/work/calls"
ENDPOINT = "http://127.0.0.1:4318"
REPORTS = f'#!/bin/sh\n[ "$1" != endpoint ] || {{ echo {ENDPOINT}; exit; }}\necho "$@" >>{CALLS}\n'


class Machine:
    """A machine with a stack's script, and perhaps the stack's collector on its loopback."""

    def __init__(self, sandbox):
        self.sandbox, self.network, self.collector, self._server = sandbox, NetworkNamespace(), Collector(), None
        self.network.ip("link set lo up")
        sandbox.mkdir(f"{HOME}/.claude", owner=AGENT)
        sandbox.write(CALLS, "", owner=AGENT)
        self.script(f"{REPORTS}echo the stack says $1")

    def script(self, text, mode=0o755):
        self.sandbox.write(f"{STACK}/stack", text, mode=mode)

    def serve(self, answer=None):
        self._server = Web(self.network, "127.0.0.1", 4318, answer or self.collector.over_http())

    def local(self, *words, stack=("--stack", STACK)):
        return self.sandbox.run("telemetry", "local", *stack, *words, uid=AGENT, env={"HOME": HOME, "PATH": "/usr/bin:/bin"},
                                prepare=self.network.enter)

    def calls(self):
        return self.sandbox.read(CALLS).splitlines()

    def settings(self):
        path = self.sandbox.at(SETTINGS)
        return json.loads(path.read_text())["env"] if path.exists() else None

    def close(self):
        if self._server:
            self._server.close()
        self.network.close()


@pytest.fixture
def machine(sandbox):
    made = Machine(sandbox)
    yield made
    made.close()


def test_local_starts_the_stack_connects_claude_code_and_waits_for_a_marked_batch(machine):
    machine.serve()
    result = machine.local("--attribute", "team=blue", "--prompts")
    assert result.status == 0, result
    marker = re.search(r"ostiary\.check=([0-9a-f]{16})$", result.stdout, re.M)[1]
    assert machine.calls() == ["up", f"check --marked ostiary.check={marker} --wait 60s"]
    said = [result.stdout.index(each) for each in ("the stack says up", "Claude Code sends telemetry to", "traces: taken",
                                                   "the stack says check")]
    assert said == sorted(said), result
    env = machine.settings()
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == ENDPOINT and env["OTEL_LOG_USER_PROMPTS"] == "1"
    assert env["OTEL_RESOURCE_ATTRIBUTES"] == "team=blue"
    for signal in SIGNALS:
        [export] = machine.collector.of(signal)
        [group] = export.groups
        assert group.resource["ostiary.check"] == marker and group.resource["team"] == "blue"


def test_the_stack_says_where_its_collector_is(machine):
    machine.serve()
    machine.script("#!/bin/sh\n[ $1 != endpoint ] || echo http://localhost:4318\n")
    assert machine.local().status == 0
    assert machine.settings()["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318"


def test_settings_of_the_stack_that_are_wrong_end_the_command(machine):
    machine.script("#!/bin/sh\necho STACK_PORT_HTTP is wrong >&2; exit 64\n")
    result = machine.local()
    assert result.status == 69 and result.stderr.splitlines() == [
        "STACK_PORT_HTTP is wrong", f'ostiary: error: "{STACK}/stack endpoint" failed with status 64'], result
    assert machine.settings() is None


def test_the_profile_is_the_stacks(machine):
    machine.serve()
    assert machine.local("--profile", "apache").status == 0
    assert machine.local().status == 0
    assert [call for call in machine.calls() if call.startswith("up")] == ["up --profile apache", "up"]


def test_a_stack_that_does_not_start_leaves_the_settings_alone(machine):
    machine.script(f"{REPORTS}echo port 3000 is taken >&2; exit 69")
    result = machine.local()
    assert result.status == 69 and "port 3000 is taken" in result.stderr, result
    assert machine.calls() == ["up"] and machine.settings() is None


@pytest.mark.parametrize("content, words, said", [
    ('{"env":\n!', [], f"{SETTINGS}: line 2, column 1"),
    ("{}", ["--attribute", "team"], "--attribute")], ids=["settings", "a flag"])
def test_what_connect_would_refuse_is_refused_before_the_stack_is_started(machine, content, words, said):
    machine.sandbox.write(SETTINGS, content, owner=AGENT)
    result = machine.local(*words)
    assert result.status == 78 and said in result.stderr and len(result.stderr.splitlines()) == 1, result
    assert machine.calls() == []


def test_managed_settings_that_lead_elsewhere_are_named_before_the_stack_is_started(machine):
    path = "/etc/claude-code/managed-settings.json"
    machine.sandbox.write(path, json.dumps({"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example"}}))
    result = machine.local()
    assert result.status == 78 and f"{path} says where all users of this machine send telemetry" in result.stderr, result
    assert machine.calls() == [] and machine.settings() is None


def test_a_collector_that_refuses_a_batch_is_reported(machine):
    machine.serve(lambda request: Response(503, "text/plain", b"not yet"))
    result = machine.local()
    assert result.status == 69 and "not taken by http://127.0.0.1:4318/v1/traces" in result.stdout, result
    assert machine.calls() == ["up"]


def test_a_batch_that_does_not_reach_a_store_is_an_error(machine):
    machine.serve()
    machine.script(f'{REPORTS}[ "$1" = up ] || {{ echo "logs: not in Loki after 60 s"; exit 69; }}')
    result = machine.local()
    assert result.status == 69 and "logs: not in Loki" in result.stdout, result


@pytest.mark.parametrize("words, said", [
    (["--stack", "/opt/none"], '--stack /opt/none: has no file "stack": name the directory container/stack'),
    ([], "there is no stack beside ostiary: write --stack DIR, the directory container/stack of ostiary's source")])
def test_a_missing_stack_is_named(machine, words, said):
    result = machine.local(stack=words)
    assert result.status == 66 and result.stderr == f"ostiary: error: {said}\n", result
    assert machine.settings() is None


def test_a_script_that_cannot_be_executed_is_named(machine):
    machine.script(REPORTS, mode=0o644)
    result = machine.local()
    assert result.status == 126 and f"{STACK}/stack: Permission denied: install ostiary anew" in result.stderr, result


def test_a_script_that_a_signal_ends_is_named(machine):
    machine.script(f"{REPORTS}kill -KILL $$\n")
    result = machine.local()
    assert result.status == 69 and f"{STACK}/stack was ended by a signal: run the command again" in result.stderr, result
    assert machine.settings() is None


@pytest.mark.parametrize("place", ["share/ostiary/stack", "container/stack"])
def test_the_stack_of_an_installation_or_a_build_is_found(machine, place):
    sandbox = machine.sandbox
    machine.serve()
    sandbox.write(f"/opt/made/{place}/stack", REPORTS, mode=0o755)
    for program in ("ostiary", "ostiary-relay"):
        sandbox.write(f"/opt/made/bin/{program}", sandbox.binary.with_name(program).read_bytes(), mode=0o755)
    session = sandbox.launch("/opt/made/bin/ostiary", "telemetry", "local", uid=AGENT, env={"HOME": HOME, "PATH": "/usr/bin:/bin"},
                             prepare=machine.network.enter)
    assert session.wait().status == 0
    assert machine.calls()[0] == "up"
