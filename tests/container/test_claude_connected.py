"""Claude Code without `ostiary run`: it sends telemetry with the settings that `ostiary telemetry connect` writes."""

import shlex

import pytest

from support.claude import api
from support.claude.claude import ENVIRONMENT, HOME
from support.claude.internet import COLLECTOR
from support.podman.container import containers

HEADER = "Bearer glc_of;a%20token"
PROTOCOLS = {"http/protobuf": f"http://{COLLECTOR}:4318", "http/json": f"http://{COLLECTOR}:4318", "grpc": f"http://{COLLECTOR}:4317"}


@pytest.fixture
def run(claude_internet, claude_image, podman):
    """Runs a script in a container that has Claude Code and ostiary, as the agent's user."""
    link = claude_internet.attach((4,))
    with containers(podman) as start:
        def run(script, *turns):
            claude_internet.start_over(*turns)
            options = ["--volume", f"{claude_internet.authority.certificate}:{ENVIRONMENT['NODE_EXTRA_CA_CERTS']}",
                       "--entrypoint", "/bin/sh", "--user", "agent", "--workdir", HOME]
            return start(claude_image, "-c", script, network=link, env=ENVIRONMENT | {"HOME": HOME}, options=options).wait()
        yield run
    claude_internet.detach(link)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_claude_code_sends_all_signals_with_the_header_and_the_attributes(run, claude_internet, protocol):
    connect = f"ostiary telemetry connect --endpoint {PROTOCOLS[protocol]} --protocol {protocol} --header Authorization --attribute"
    done = run(f"echo {shlex.quote(HEADER)} | {connect} 'team=blue whales, inc' && ostiary telemetry check &&"
               " claude -p go --allowedTools Bash", api.bash("true"), api.say("done"))
    assert done.status == 0 and done.stdout.endswith("done\n"), done
    assert done.stdout.count(": taken by ") == 3, done
    sent = [export for export in claude_internet.collector.exports if "ostiary.check" not in export.groups[0].resource]
    assert {export.signal for export in sent} == {"traces", "metrics", "logs"}
    for export in claude_internet.collector.exports:
        assert export.headers["authorization"] == HEADER
        assert all(group.resource["team"] == "blue whales, inc" for group in export.groups)
