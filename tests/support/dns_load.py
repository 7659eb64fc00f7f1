"""A gate under a steady load of lookups: agents/dns_load.py sends its questions to the upstream's
own address."""

import json

from support.behaviours import host
from support.internet import ALLOWED
from support.waiting import PATIENCE

NAMES, THREADS, RATE = 400, 4, 190
PATTERN = "n%d.load.example"
GATES_TRY = 2  # seconds until the gate retries
FLAGS = {"container": [], "user": ["--scope", "user"]}


def start_agent(container, internet, scope, upstream):
    """Starts an agent whose allowed names are never cached: each lookup is a question to the
    upstream."""
    internet.upstream.name("*.load.example", host(ALLOWED, ttl=0))
    container.policy({"allow": [PATTERN % number for number in range(NAMES)]})
    return container.start_agent(*FLAGS[scope], "--upstream", upstream)


def look_up(container, agent, server, seconds):
    """Waits for the end of the lookups, and returns their report: how many questions there were,
    and which were lost."""
    command = [*container.agent_command("dns_load"), server, PATTERN, *map(str, (NAMES, THREADS, RATE, seconds))]
    done = agent.run(*command, timeout=seconds + PATIENCE, patience=seconds + PATIENCE)
    assert done["status"] == 0, done
    return json.loads(done["out"])


def holds(result):
    """Whether no question was lost, and none had to be repeated."""
    return result["asked"] > 0 and result["lost"] == 0 and result["longest"] < GATES_TRY
