"""An older Claude Code, which many machines still have, beside the relay: telemetry arrives and the API gets its key."""

import pytest

from support.claude import api
from support.claude.claude import a_claude, image_with_tools
from test_claude_api_relay import KEY, LOOK
from test_claude_telemetry import ANSWER, BASIC, PROMPT, TOKEN, TRIO, names

VERSION = "2.1.197"


@pytest.fixture(scope="module")
def older(images, podman, tmp_path_factory):
    return image_with_tools(images, podman, tmp_path_factory.mktemp("older"), VERSION)


@pytest.fixture
def claude(claude_internet, older, podman, tmp_path):
    with a_claude(claude_internet, older, podman, tmp_path) as made:
        yield made


def test_its_telemetry_arrives_through_the_relay(claude):
    done = claude.run(api.bash("echo sung"), api.say(ANSWER), prompt=PROMPT, env=TRIO)
    assert (done.status, done.stdout.strip()) == (0, ANSWER), done
    collector = claude.internet.gateway
    assert collector.refused == [] and {export.headers["authorization"] for export in collector.exports} == {BASIC}
    assert {"claude_code.session.count", "claude_code.token.usage"} <= names(collector, "metrics")
    assert {"user_prompt", "api_request", "tool_result"} <= names(collector, "logs")
    assert {resource["service.version"] for resource in collector.resources()} == {VERSION}
    assert names(collector, "traces") >= {"claude_code.llm_request", "claude_code.tool"}
    assert TOKEN not in done.stdout + done.stderr


def test_the_api_gets_its_key_and_the_agent_does_not(claude):
    done = claude.run(api.bash(LOOK), api.say("done"), env={"OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": KEY})
    assert (done.status, done.stdout) == (0, "done\n"), done
    seen, = claude.internet.api.tool_results()
    assert "kept-by-ostiary" in seen and KEY not in seen + done.stdout + done.stderr
    assert {request.header("x-api-key") for request, _ in claude.internet.api.requests} == {KEY}
