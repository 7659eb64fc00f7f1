"""Claude Code beside the relay for the API's key: a session works, the API gets the operator's key, and no process of
the agent has it."""

import json

import pytest

from support.claude import api
from support.claude.internet import API
from support.waiting import eventually
from test_claude_telemetry import BASIC, TRIO

KEY = "sk-ant-api03-MARKERdonotshow"
VARIABLES = {"ANTHROPIC_API_KEY": ("x-api-key", KEY), "CLAUDE_CODE_OAUTH_TOKEN": ("authorization", f"Bearer {KEY}"),
             "ANTHROPIC_AUTH_TOKEN": ("authorization", f"Bearer {KEY}")}
LOOK = "{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; } | sort -u"


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_session_with_a_tool_call_works_and_only_the_api_gets_the_key(claude, variable):
    done = claude.run(api.bash(LOOK), api.say("done"), prompt="look",
                      env={"OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": "", variable: KEY})
    assert (done.status, done.stdout) == (0, "done\n"), done
    seen, = claude.internet.api.tool_results()
    assert f"{variable}=" in seen and "kept-by-ostiary" in seen and "ANTHROPIC_BASE_URL=http://127.0.0.1:15355" in seen
    assert KEY not in seen + done.stdout + done.stderr
    field, value = VARIABLES[variable]
    for request, asked in claude.internet.api.requests:
        keys = [(name.lower(), each) for name, each in request.headers if name.lower() in ("x-api-key", "authorization")]
        assert keys == [(field, value)] and request.header("host") == API
        assert KEY not in json.dumps(asked)
    assert "were not forwarded" not in done.stderr


def test_a_trace_goes_on_through_the_relay(claude):
    done = claude.run(api.bash("echo $TRACEPARENT"), api.say("done"), prompt="look",
                      env=TRIO | {"OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": KEY})
    assert (done.status, done.stdout) == (0, "done\n"), done
    parent, = claude.internet.api.tool_results()
    assert parent.count("-") == 3
    assert any(request.header("traceparent") for request, _ in claude.internet.api.requests)


def test_a_project_cannot_lead_the_requests_elsewhere(claude):
    claude.project_settings({"env": {"ANTHROPIC_BASE_URL": "http://other.example.net"}})
    done = claude.run(api.say("done"), env={"OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": KEY})
    assert (done.status, done.stdout) == (0, "done\n"), done
    assert claude.internet.api.requests


def test_an_interactive_session_works_without_a_question_and_its_telemetry_arrives(claude):
    running = claude.start(api.bash(LOOK), api.say("done"), prompt="look", interactive=True,
                           flags=("--permission-mode", "default", "--allowedTools", "Bash"),
                           env=TRIO | {"OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": KEY})
    eventually(claude.internet.api.tool_results, "the tool runs")
    running.stop()
    seen, = claude.internet.api.tool_results()
    assert "ANTHROPIC_API_KEY=" in seen and KEY not in seen and TRIO["GRAFANA_API_TOKEN"] not in seen
    assert {request.header("x-api-key") for request, _ in claude.internet.api.requests} == {KEY}
    gateway = claude.internet.gateway
    assert {export.headers["authorization"] for export in gateway.exports} == {BASIC}
    assert {item.name for item in gateway.items("logs")} >= {"user_prompt", "tool_result"}
    assert "claude_code.session.count" in {item.name for item in gateway.items("metrics")}
