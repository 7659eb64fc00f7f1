"""A gate under a steady load of lookups: agents/dns_load.py asks at the upstream's own address."""

import json

from support.behaviours import host
from support.waiting import PATIENCE
from support.internet import ALLOWED

NAMES, THREADS, RATE = 400, 4, 190
PATTERN = "n%d.load.example"
GATES_TRY = 2  # seconds, until the gate asks again
FLAGS = {"container": [], "user": ["--scope", "user"]}


def start_agent(container, internet, scope, upstream):
    """The agent of a gate that allows names which no cache keeps: each lookup is a question to the upstream."""
    internet.upstream.name("*.load.example", host(ALLOWED, ttl=0))
    container.policy({"allow": [PATTERN % number for number in range(NAMES)]})
    return container.start_agent(*FLAGS[scope], "--upstream", upstream)


def look_up(container, agent, server, seconds):
    """What became of the lookups, once the time is over: how many were asked, which were lost."""
    command = [*container.agent_command("dns_load"), server, PATTERN, *map(str, (NAMES, THREADS, RATE, seconds))]
    done = agent.run(*command, timeout=seconds + PATIENCE, patience=seconds + PATIENCE)
    assert done["status"] == 0, done
    return json.loads(done["out"])


def holds(result):
    """None was lost, and none had to be asked again."""
    return result["asked"] > 0 and result["lost"] == 0 and result["longest"] < GATES_TRY
