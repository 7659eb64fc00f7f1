"""A Coder workspace in small. Process 1 is not ostiary, the workspace's agent has its own
connection, and container/coder/start.sh boots ostiary beside it, for one user."""

import json
import re

import pytest

from support.agent import Agent, code
from support.behaviours import host
from support.internet import ALLOWED, ANOTHER, RESOLVER, UNLISTED
from support.outcomes import assert_reached, assert_refused
from support.project import ROOT
from support.relayed import COLLECTOR, World, connects
from support.rootfs import AGENT, OTHER
from support.telemetry import MARKER, shows_a_secret

HERE = ROOT / "container" / "coder"
SCRIPT = (HERE / "start.sh").read_text()
TOKEN = "coder-agent-token-5c2d"
CODER = {"CODER": "true", "CODER_WORKSPACE_NAME": "ws", "CODER_WORKSPACE_OWNER_NAME": "ada", "CODER_WORKSPACE_AGENT_NAME": "main",
         "CODER_WORKSPACE_ID": "8d4c", "CODER_TEMPLATE_NAME": "docker", "CODER_AGENT_TOKEN": TOKEN,
         "CODER_AGENT_URL": "https://coder.example"}
# The attributes of Coder's published module, and others that the environment provides.
MODULES = {"coder.workspace_id", "coder.workspace_name", "coder.workspace_owner", "coder.workspace_owner_id", "coder.template_name",
           "coder.template_version", "coder.access_url"}
OSTIARY = "/opt/bin/ostiary"


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("coder.example", host(ANOTHER))
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("api.anthropic.com", host(ALLOWED))
    container = new_container()
    container.write("/opt/start.sh", SCRIPT, mode=0o755)
    return container


@pytest.fixture
def workspace_agent(container):
    """The workspace's agent, which runs as a user of its own. It also stands for process 1."""
    agent = Agent(container.launch(*container.agent_command("driven"), uid=OTHER, env=CODER))
    agent.open_flow("coder", ANOTHER[4], 443)
    return agent


def start(container, workspace_agent, **env):
    return container.beside(workspace_agent.session, "/opt/start.sh",
                            env=CODER | {"OSTIARY_USER": "agent", "OSTIARY_ALLOW": "allowed.example:443/raw"} | env)


@pytest.fixture
def booted(container, workspace_agent):
    done = start(container, workspace_agent)
    assert done.status == 0, done
    return container.start_process_beside(workspace_agent, OSTIARY, "exec", "--")


def test_the_agents_session_is_behind_the_gate(internet, container, booted, family):
    assert booted.resolves("allowed.example", family) == [ALLOWED[family]]
    assert_reached(booted.connect(ALLOWED[family], 443))
    assert code(booted.asks("coder.example", server=RESOLVER[4])) == "NXDOMAIN"
    internet.forget()
    assert_refused(booted.connect(UNLISTED[family], 443), internet)
    assert_refused(booted.connect(ANOTHER[family], 443), internet)
    assert booted.run("id", "-u")["out"] == f"{AGENT}\n"


def test_the_workspaces_agent_keeps_its_connection_and_dns(internet, workspace_agent, booted, family):
    assert workspace_agent.use_flow("coder")["reached"]
    assert_reached(workspace_agent.connect(ANOTHER[family], 443))
    assert_reached(workspace_agent.connect(UNLISTED[family], 443))
    assert code(workspace_agent.asks("coder.example", server=RESOLVER[4])) == "NOERROR"


def test_the_agent_does_not_get_the_workspaces_token_and_address(container, workspace_agent, booted):
    environment = booted.run("env")["out"]
    assert TOKEN not in environment and "CODER_AGENT_URL" not in environment and "CODER_WORKSPACE_NAME=ws" in environment
    for name in ("status.json", "session", "otel.env"):
        assert not container.exists(f"/run/ostiary/{name}") or TOKEN not in container.read(f"/run/ostiary/{name}")
    assert booted.run("cat", "/proc/1/environ")["status"] != 0


def test_the_script_reports_why_there_is_no_gate(container, workspace_agent):
    done = start(container, workspace_agent, OSTIARY_ALLOW="*.com")
    assert done.status == 1 and '"*.com" would allow' in done.stderr, done


def test_the_attributes_come_from_the_module_and_the_environment(container, workspace_agent):
    """main.tf adds those that no variable contains to the module's object."""
    main = (HERE / "main.tf").read_text()
    put = re.findall(r'"(coder\.\w+)" += ', main)
    attributes = ", ".join(f'"{key}": "of main.tf"' for key in put)
    telemetry = ('{"enabled": true, "otlp_endpoint": "http://collector.example:4318", "otlp_protocol": "http/protobuf", '
                 f'"otlp_headers": {{}}, "resource_attributes": {{{attributes}}}}}')
    done = start(container, workspace_agent, OSTIARY_TELEMETRY=telemetry)
    assert done.status == 0, done
    found = re.search(r"^OTEL_RESOURCE_ATTRIBUTES='(.*)'$", container.read("/run/ostiary/otel.env"), re.M)[1]
    assert {pair.partition("=")[0] for pair in found.split(",") if pair.startswith("coder.")} == MODULES | {"coder.agent_name"}


def test_the_relay_keeps_the_token_of_the_modules_object(internet, container, workspace_agent, tmp_path):
    world = World(container, internet, tmp_path, 8318, tls=False)
    world.serve()
    telemetry = {"enabled": True, "otlp_endpoint": f"http://{COLLECTOR}:8318/base", "otlp_protocol": "http/protobuf",
                 "otlp_headers": {"Authorization": f"Bearer {MARKER}"}, "resource_attributes": {"team": "blue"}}
    try:
        done = start(container, workspace_agent, OSTIARY_TELEMETRY=json.dumps(telemetry))
        assert done.status == 0, done
        world.agent = container.start_process_beside(workspace_agent, OSTIARY, "exec", "--")
        assert world.post() == "200"
        world.await_spans("work")
        assert world.collector.exports[0].headers["authorization"] == f"Bearer {MARKER}"
        assert not shows_a_secret(world.agent.run("env")["out"])
        internet.forget()
        assert_refused(world.agent.connect(world.at, 8318), internet)
    finally:
        world.web.close()


def test_the_relay_does_not_serve_the_workspaces_other_users(internet, container, workspace_agent):
    start(container, workspace_agent, OSTIARY_API_RELAY="on", ANTHROPIC_API_KEY=f"sk-ant-{MARKER}")
    claude = container.start_process_beside(workspace_agent, OSTIARY, "exec", "--")
    assert not shows_a_secret(claude.run("env")["out"])
    assert connects(claude, 15355) and not connects(workspace_agent, 15355)


def test_the_work_directory_is_not_made_as_root_through_the_agents_symlinks(container, workspace_agent):
    container.at("/home/agent/link").symlink_to("/etc")
    start(container, workspace_agent, OSTIARY_WORKDIR="/home/agent/link/made")
    assert not container.exists("/etc/made")


def test_the_work_directory_is_made_for_the_agent(container, workspace_agent):
    assert start(container, workspace_agent, OSTIARY_WORKDIR="/work/new/one").status == 0
    made = container.at("/work/new/one").stat()
    assert (made.st_uid, made.st_mode & 0o777) == (AGENT, 0o755)


def test_the_script_passes_on_every_variable_of_the_template():
    main = (HERE / "main.tf").read_text()
    block = re.search(r"environment = merge\((.*?)^  \)", main, re.M | re.S)[1]
    reported = re.search(r"^told=\((.*?)\)", SCRIPT, re.M | re.S)[1].split()
    named = set(re.findall(r"^ +([A-Z_]+) += ", block, re.M))
    assert named and named <= set(reported)
    assert not {"CODER_AGENT_TOKEN", "CODER_AGENT_URL"} & set(reported)


def test_ostiary_starts_again_when_the_workspace_restarts(internet, container, workspace_agent):
    assert start(container, workspace_agent).status == 0
    container.end()
    again = Agent(container.launch(*container.agent_command("driven"), uid=OTHER, env=CODER))
    done = start(container, again)
    assert done.status == 0, done
    internet.forget()
    assert_refused(container.start_process_beside(again, OSTIARY, "exec", "--").connect(UNLISTED[4], 443), internet)
