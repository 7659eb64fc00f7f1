"""Settings of a project, or in the agent's home, cannot redirect Claude Code's telemetry.

The policy allows the other collector, so that only Claude Code's managed settings prevent it.
"""

import pytest

from support.claude import api
from support.claude.claude import USER
from support.claude.internet import API, OTHER
from test_claude_telemetry import BASIC, TRIO

OTLP = "OTEL_EXPORTER_OTLP"
ELSEWHERE = f"http://{OTHER}:4318"
ALLOWED = {"OSTIARY_ALLOW": f"{OTHER}:4318"}
HELPER = "/work/headers"

HEADERS = {"env": {f"{OTLP}_HEADERS": "Authorization=Bearer theirs"}}
ATTEMPTS = {
    "another endpoint": {"env": {f"{OTLP}_ENDPOINT": ELSEWHERE, f"{OTLP}_PROTOCOL": "http/json"}},
    "an endpoint a signal": {"env": {
        f"{OTLP}_{signal.upper()}_{what}": value for signal in ("traces", "metrics", "logs")
        for what, value in (("ENDPOINT", f"{ELSEWHERE}/v1/{signal}"), ("PROTOCOL", "http/json"))}},
    "a second endpoint": {"env": {"ENABLE_BETA_TRACING_DETAILED": "1", "BETA_TRACING_ENDPOINT": ELSEWHERE}},
    "a proxy": {"env": {"HTTPS_PROXY": ELSEWHERE, "https_proxy": ELSEWHERE, "HTTP_PROXY": ELSEWHERE,
                        "http_proxy": ELSEWHERE, "NO_PROXY": API, "no_proxy": API}},
    "a proxy of every kind": {"env": {"ALL_PROXY": ELSEWHERE, "all_proxy": ELSEWHERE, "GRPC_PROXY": ELSEWHERE,
                                      "grpc_proxy": ELSEWHERE}},
    "no telemetry": {"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "0", "OTEL_TRACES_EXPORTER": "none",
                             "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}},
    "other exporters": {"env": {"OTEL_METRICS_EXPORTER": "console,prometheus", "OTEL_LOGS_EXPORTER": "console"}},
    "a program for the headers": {"otelHeadersHelper": HELPER},
    "another service and content": {"env": {"OTEL_SERVICE_NAME": "theirs", "OTEL_LOG_USER_PROMPTS": "0"}},
}


@pytest.fixture(params=["project", "user"])
def whose(request, claude):
    """Writes settings to the project or to the home."""
    return {"project": claude.project_settings, "user": claude.user_settings}[request.param]


@pytest.mark.parametrize("settings", ATTEMPTS.values(), ids=ATTEMPTS)
def test_settings_do_not_redirect_telemetry(claude, whose, settings):
    whose(settings)
    write_helper(claude)
    run_turn(claude)
    gateway = claude.internet.gateway
    assert {export.headers["authorization"] for export in gateway.exports} == {BASIC}
    assert {resource["service.name"] for resource in gateway.resources()} == {"claude-code"}
    assert [item.attributes["prompt"] for item in gateway.items("logs", "user_prompt")] == ["work"]


def test_the_users_settings_cannot_change_the_headers(claude):
    claude.user_settings(HEADERS)
    run_turn(claude)
    assert {export.headers["authorization"] for export in claude.internet.gateway.exports} == {BASIC}


def test_without_the_relay_the_users_settings_can_change_the_headers_but_not_the_destination(claude):
    """See docs/security.md: headers are secret, so the managed settings do not contain them."""
    claude.user_settings(HEADERS)
    done = claude.run(api.say("done"), env=TRIO | ALLOWED | {"OSTIARY_RELAY": "off"})
    assert done.status == 0, done
    assert {export.headers["authorization"] for export in claude.internet.gateway.exports} == {"Bearer theirs"}


def test_a_project_cannot_change_the_headers(claude):
    claude.project_settings(HEADERS)
    run_turn(claude)
    assert {export.headers["authorization"] for export in claude.internet.gateway.exports} == {BASIC}


def test_without_managed_settings_the_same_settings_redirect_telemetry(claude):
    """So the other tests are meaningful."""
    claude.user_settings(ATTEMPTS["another endpoint"])
    done = claude.run(api.say("done"), env=TRIO | ALLOWED | {"OSTIARY_NO_MANAGED_SETTINGS": "1"})
    assert done.status == 0, done
    assert claude.internet.other.exports and not claude.internet.gateway.exports


def run_turn(claude):
    """All telemetry arrives at the gateway, and nothing at the other collector."""
    done = claude.run(api.bash("true"), api.say("done"), prompt="work", env=TRIO | ALLOWED)
    assert (done.status, done.stdout) == (0, "done\n"), done
    assert (claude.internet.other.exports, claude.internet.other.refused) == ([], [])
    assert {export.signal for export in claude.internet.gateway.exports} == {"traces", "metrics", "logs"}


def write_helper(claude):
    helper = claude.work / "headers"
    helper.write_text("#!/bin/sh\necho '{\"Authorization\": \"Bearer theirs\"}'\n")
    helper.chmod(0o755)


def test_claude_code_with_skipped_permissions_runs_as_the_agents_user(claude):
    done = claude.run(api.bash("id -u"), api.say("done"), flags=["--dangerously-skip-permissions"])
    assert (done.status, done.stdout) == (0, "done\n"), done
    user, = claude.internet.api.tool_results()
    assert user == str(USER)


def test_without_that_flag_or_a_permission_the_tool_does_not_run(claude):
    done = claude.run(api.bash("touch /work/ran"), api.say("done"), flags=[])
    assert done.status == 0, done
    assert not (claude.work / "ran").exists()
