"""The audit's channel. If the agent can write to the same place, the audit says so, because the
agent could have forged its lines."""

import json
import os

import pytest


SHARED = "shared with the agent"


def events(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_on_standard_error_every_line_says_that_it_is_shared_with_the_agent(new_container, who):
    container = new_container()
    agent = container.start_agent("--audit", "stderr", who=who)
    agent.asks("unlisted.example")
    agent.session.close_stdin()
    reported = events(agent.session.wait().stderr)
    assert {"boot", "deny", "gate_started", "exit"} <= {event["event"] for event in reported}
    assert {event.get("road") for event in reported} == {SHARED}


def test_on_standard_error_attempts_that_were_held_are_omitted(new_container):
    result = new_container().boot("true", flags=["--audit", "stderr"])
    assert "phase 1: self-test:" in result.stderr
    assert [event for event in events(result.stderr) if event["event"] == "probe"] == []


def test_the_boot_warns_that_standard_error_is_shared(new_container):
    container = new_container()
    container.make_read_only("/var/log")
    for flags in ([], ["--audit", "stderr"]):
        said = [line for line in container.boot("true", flags=flags).stderr.splitlines() if not line.startswith("{")]
        assert len([line for line in said if "can forge its lines" in line and "--audit" in line]) == 1, said


def test_a_file_that_is_also_standard_error_is_shared(new_container):
    container = new_container()
    container.mkdir("/var/log/ostiary")
    container.write("/var/log/ostiary/audit.jsonl", "")
    def standard_error_goes_there():
        fd = os.open("/var/log/ostiary/audit.jsonl", os.O_WRONLY | os.O_APPEND)
        os.dup2(fd, 2)
        os.close(fd)
    container.boot("true", prepare=standard_error_goes_there)
    reported = events(container.read("/var/log/ostiary/audit.jsonl"))
    assert reported and {event.get("road") for event in reported} == {SHARED}


def test_a_file_is_not_shared(container, agent):
    agent.asks("unlisted.example")
    assert container.eventually_audited("deny", name="unlisted.example")
    assert [event for event in container.audit() if "road" in event] == []


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_all(end):
    os.set_blocking(end, False)
    text = b""
    while True:
        try:
            piece = os.read(end, 65536)
        except BlockingIOError:
            return text.decode()
        if not piece:
            return text.decode()
        text += piece


def test_a_descriptor_is_not_shared(new_container, pipe, who):
    container = new_container()
    def hand_on():
        os.dup2(pipe[1], 7)
    agent = container.start_agent("--audit", "fd:7", who=who, prepare=hand_on)
    agent.asks("unlisted.example")
    assert agent.python("import os; os.write(7, b'forged')")["error"] == "EBADF"
    for pid in (1, "self"):
        assert not agent.python(f"open('/proc/{pid}/fd/7', 'w')")["reached"]
    agent.session.close_stdin()
    assert agent.session.wait().status == 0
    reported = events(read_all(pipe[0]))
    assert {"boot", "deny", "gate_started", "exit"} <= {event["event"] for event in reported}
    assert [event for event in reported if "road" in event] == []


@pytest.mark.parametrize("target", ["fd:0", "fd:2", "fd:x", "fd:", "fd:-1", "fd:99999999999"])
def test_an_invalid_descriptor_or_one_that_the_agent_has_is_refused(new_container, target):
    result = new_container().boot("true", flags=["--audit", target])
    assert result.status == 78 and "--audit" in result.stderr and "fd:" in result.stderr


def test_a_descriptor_that_is_not_open_is_refused(new_container):
    result = new_container().boot("true", flags=["--audit", "fd:77"])
    assert result.status in (66, 77, 78) and "77" in result.stderr.splitlines()[-1]


def test_a_descriptor_of_the_same_file_as_standard_error_is_shared(new_container):
    result = new_container().boot("true", flags=["--audit", "fd:7"], prepare=lambda: os.dup2(2, 7))
    reported = events(result.stderr)
    assert reported and {event.get("road") for event in reported} == {SHARED}
