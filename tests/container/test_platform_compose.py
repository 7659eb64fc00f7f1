"""container/compose/compose.yaml with podman: the gate, secrets as files, Docker's embedded
resolver."""

import os
import re

import pytest

from support.podman.outcomes import boot_of, outcomes_in, connection_attempts
from support.podman.platforms import CONTAINER, agent_image, compose
from support.behaviours import addresses
from support.docker_resolver import DockerResolver
from support.internet import ALLOWED, ANOTHER, RESOLVER, UNLISTED
from support.telemetry import TRIO

HERE = CONTAINER / "compose"
KEY = "sk-ant-api03-compose"
COLLECTOR = "otlp.example.com"
SECRETS = {**TRIO, "ANTHROPIC_API_KEY": KEY, "GRAFANA_OTLP_ENDPOINT": f"https://{COLLECTOR}/otlp"}
OWNER = 1234  # the host's user that owns these files
DATABASE = "172.18.0.2"


@pytest.fixture
def project(tmp_path):
    """The directory of a new user, with secrets."""
    tmp_path.chmod(0o755)
    (tmp_path / "policy.json").write_text((HERE / "policy.json").read_text())
    (tmp_path / "secrets").mkdir()
    for name, value in SECRETS.items():
        path = tmp_path / "secrets" / name
        path.write_text(value + "\n")
        path.chmod(0o600)
        os.chown(path, OWNER, OWNER)
    return tmp_path


@pytest.fixture
def options(project):
    return compose(HERE / "compose.yaml", project)


@pytest.fixture
def agents(images):
    return agent_image(images)


def test_the_gate_works_and_the_secrets_come_from_files(agents, options, new_container, internet, link):
    for name, address in {"api.anthropic.com": ALLOWED[4], COLLECTOR: ANOTHER[4]}.items():
        internet.upstream.name(name, addresses(address))
    script = connection_attempts(("api", "api.anthropic.com", 443), ("collector", COLLECTOR, 443), ("another-port", COLLECTOR, 80),
                                 ("unlisted-name", "unlisted.example.org", 443), ("unlisted-address", UNLISTED[4], 443))
    script += 'id -un; pwd; echo "key $ANTHROPIC_API_KEY token ${GRAFANA_API_TOKEN-none} ${OTEL_EXPORTER_OTLP_HEADERS-none} to $OTEL_EXPORTER_OTLP_ENDPOINT"; touch /work/here && echo mine\n'
    script += "cat /run/secrets/* 2>/dev/null || echo closed\n"
    done = new_container(agents, "bash", "-c", script, network=link, capabilities=(), options=options).wait()
    assert done.status == 0 and boot_of(done)[1] > 20, done
    assert outcomes_in(done.stdout) == {"api": True, "collector": False, "another-port": False, "unlisted-name": False,
                                        "unlisted-address": False}, done
    assert done.stdout.splitlines()[-5:] == ["agent", "/work", f"key {KEY} token none none to http://127.0.0.1:15354", "mine", "closed"], done
    assert "phase 1: metrics go to" in done.stderr and not any(value in done.stderr for value in (KEY, TRIO["GRAFANA_API_TOKEN"]))


@pytest.mark.parametrize("capability", ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "DAC_OVERRIDE"])
def test_each_capability_is_needed(agents, options, new_container, link, capability):
    options = [word for word in options if word != capability]
    options = [word for word, after in zip(options, [*options[1:], ""]) if not (word == "--cap-add" and after.startswith("--"))]
    done = new_container(agents, "echo", "started", network=link, capabilities=(), options=options).wait()
    assert done.status not in (0, 125, 126, 127) and "started" not in done.stdout, done


def test_a_service_of_the_project_can_be_reached_by_its_name(agents, project, options, new_container, internet, link):
    """With the commented rule of policy.json, and Docker's embedded resolver."""
    internet.upstream.name("api.anthropic.com", addresses(ALLOWED[4]))
    policy = (project / "policy.json").read_text()
    rule, = re.findall(r"^ *// (\{.*\})$", policy, re.M)
    (project / "policy.json").write_text(policy.replace('"preset:github"', rule).replace(f"// {rule}", ""))
    (project / "resolv.conf").write_text("nameserver 127.0.0.11\noptions ndots:0\n"
                                         f"# ExtServers: [{RESOLVER[4]}]\n")
    link.network.ip("link set lo up")
    docker = DockerResolver(link.network, {"database": DATABASE}, RESOLVER[4])
    try:
        script = connection_attempts(("service", "database", 5432), ("another-port", "database", 80), ("api", "api.anthropic.com", 443),
                                     ("unlisted-name", "unlisted.example.org", 443))
        done = new_container(agents, "bash", "-c", script, network=link, capabilities=(),
                             options=[*options, "--volume", f"{project / 'resolv.conf'}:/etc/resolv.conf"]).wait()
    finally:
        docker.close()
    assert outcomes_in(done.stdout) == {"service": True, "another-port": False, "api": True, "unlisted-name": False}, done
    assert "unlisted.example.org" not in internet.upstream.names() and not [
        name for name, _ in docker.asked if "unlisted" in name]
