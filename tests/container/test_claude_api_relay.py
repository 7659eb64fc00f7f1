"""Claude Code beside the relay for the API's key: a session works, the API gets the operator's key, and no process of
the agent has it."""

import json

import pytest

from support.claude import api
from support.claude.internet import API
from test_claude_telemetry import TRIO

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
