"""Sessions of the real Claude Code under ostiary that together do what the dashboards show: their telemetry goes through the
stack's collector into its stores."""

import contextlib
import math
import os
import signal
import subprocess
import time
from typing import NamedTuple

from observability.sessions import a_container, an_internet, start_session_of
from support.claude import api
from support.claude.internet import ADDRESS, UNLISTED
from support.relayed import AT, COLLECTOR
from support.rootfs import AGENT
from support.stack_stores import Stores
from support.web import Response, Web

EVALUATION = 60  # seconds between two evaluations of the rules
REFUSES = 8320  # a port of the collector that refuses all telemetry
# A program that says what `gh pr create` says.
GH = "echo https://github.com/acme/widgets/pull/7"


class Role(NamedTuple):
    """One agent. The prompt's first word selects its script."""
    attributes: str  # of the resource
    prompt: str
    script: tuple
    tools: tuple = ()  # that it may use, besides Bash
    env: dict = {}


def roles():
    wait = api.bash("run-tests")
    write = api.tool("Write", file_path="/work/greet.py", content="def greet():\n    return 'hello'\n")
    overloaded = api.Fail(529, "overloaded_error", api.say("never"), times=99)
    invalid = api.Fail(400, "invalid_request_error", api.say("never"), times=99)
    return [
        Role("team=blue,user.email=ada@example.com", "Greet the world, and open a pull request", (
            write, wait,
            api.tool("Read", file_path="/work/greet.py"),
            api.tool("Edit", file_path="/work/greet.py", old_string="hello", new_string="hello, world"),
            api.bash("git add greet.py && git commit --quiet --message 'Greet the world'"), wait,
            api.Fail(529, "overloaded_error", api.bash("gh pr create --title 'Greet the world' --body ''")),
            wait, api.say("I opened a pull request.")), tools=("Write", "Edit")),
        Role("team=green,user.email=grace@example.com", "Fetch the list of packages", (
            api.bash(f"curl --silent --show-error --max-time 5 https://{UNLISTED}/packages"), wait,
            api.bash(f"curl --silent --show-error --max-time 2 http://{ADDRESS[UNLISTED]}/packages"), write, wait,
            api.bash("getent hosts exfiltration.example.org"), api.say("The gate does not let me fetch it.")),
             env={"ANTHROPIC_MODEL": "claude-sonnet-5-5"}),
        Role("team=green,user.email=grace@example.com", "Read this aloud", (wait, api.refuse())),
        Role("team=blue", "Count the words", (wait, invalid), env={"ANTHROPIC_MODEL": "claude-haiku-5-5"}),
        Role("team=blue", "Add the numbers", (api.bash("echo $((40 + 2))"), overloaded)),
        Role("cost.center=42", "Say hello", (api.say("Hello."),),  # of no team; its logs are refused
             env={"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{COLLECTOR}:{REFUSES}/v1/logs"}),
    ]


class StackSession:
    """Made when all sessions have ended and the rules have counted them.

    stores: what has their telemetry
    start, end: in seconds since 1970, some evaluations apart
    results: how each agent ended, by its prompt
    """

    def __init__(self, scratch, binary, directory, pause):
        """`pause` is the time in seconds that the agents' slow command takes."""
        self._open = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            internet = undo.enter_context(an_internet(directory))
            Web(internet.network, AT, REFUSES, lambda request: Response(400))
            agents = roles()
            internet.api.usage = {"input_tokens": 900, "cache_creation_input_tokens": 2400, "cache_read_input_tokens": 16000,
                                  "output_tokens": 700}
            internet.start_over(of={role.prompt.split()[0]: role.script for role in agents})
            start = time.time()
            running, containers = [], []
            for role in agents:
                containers.append(undo.enter_context(a_container(scratch, binary, internet)))
                running.append(_begin(role, containers[-1], pause))
                if not running[1:]:  # the first telemetry finds no collector
                    self.stores = undo.enter_context(Stores(internet.network, directory, collector_address=AT))
                time.sleep(pause / 4)
            os.kill(containers[0].gate(running[0]), signal.SIGKILL)
            containers[1].nft("delete", "table", "inet", "ostiary")
            self.results = {role.prompt: session.wait(patience=10 * pause + 60) for role, session in zip(agents, running)}
            time.sleep(2 * EVALUATION + 5)  # the summaries may be evaluated a whole interval after the increments
            self.end = time.time()
            self.start = self.end - math.ceil((self.end - start) / EVALUATION) * EVALUATION
            self._open = undo.pop_all()

    def close(self):
        self._open.close()

    def denied_session(self):
        """The id of the session to which the gate denied something. One of its edits was rejected too."""
        rejected = 'last_over_time(claude_code_code_edit_tool_decision_total{decision="reject"}[1h])'
        (labels, _), = self.stores.prometheus.query(rejected, time=self.end)
        return labels["session_id"]


def _begin(role, container, pause):
    container.script("/opt/bin/gh", GH)
    container.script("/opt/bin/run-tests", f"exec sleep {pause}")
    work = container.at("/work")
    for words in (("init", "--quiet", "--initial-branch", "main"),
                  ("remote", "add", "origin", "https://github.com/acme/widgets"),
                  ("config", "user.name", "Agent"), ("config", "user.email", "agent@example.com")):
        subprocess.run(["git", "-c", "safe.directory=*", "-C", work, *words], check=True)
    for path in (work, *work.rglob("*")):
        os.chown(path, AGENT, AGENT)
    return start_session_of(
        container, role.prompt, f"http://{COLLECTOR}:4318", *role.tools, OTEL_RESOURCE_ATTRIBUTES=role.attributes,
        OTEL_METRIC_EXPORT_INTERVAL="10000", OTEL_METRICS_INCLUDE_REPOSITORY="1", OTEL_LOG_USER_PROMPTS="1",
        OTEL_LOG_TOOL_DETAILS="1", OSTIARY_RELAY="on", **role.env)
