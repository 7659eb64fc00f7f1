"""container/skill: Claude Code finds the skill, and with the commands of its page it connects, checks, names a team and undoes,
against a real collector. A scripted model chooses the commands."""

import json
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from observability.collecting import FILES
from observability.developer import HEADER, HOME, HOST, OWN, SETTINGS
from support.claude import api
from support.commands import fenced, unknown_words, with_secrets
from support.otelcol import OtelCollector, Program
from support.otlp import SIGNALS
from support.project import ROOT
from support.rootfs import AGENT
from support.telemetry import MARKER
from support.waiting import eventually

SKILL = ROOT / "container" / "skill"
PAGE = SKILL / "SKILL.md"
_, FRONT, BODY = PAGE.read_text().split("---\n", 2)
NAME = yaml.safe_load(FRONT)["name"]
PORTS = {4317: "grpc", 4318: "http/protobuf"}
# What the user agrees to: the commands, and a look at his settings.
AGREED = ("--allowedTools", "Bash(ostiary telemetry *)", "--add-dir", f"{HOME}/.claude")


def commands(heading, **values):
    """The commands of a section, with values in place of the words in capitals."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", BODY, re.M | re.S)[1]
    return [re.sub(r"\b[A-Z]{3,}\b", lambda name: values[name[0]], line) if line.startswith("ostiary") else line
            for line in fenced(section, "sh")]


# The page -----------------------------------------------------------------------------------------


@pytest.mark.plain
def test_the_front_matter_is_valid():
    front = yaml.safe_load(FRONT)
    assert front.keys() == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", front["name"]) and len(front["name"]) <= 64
    assert not re.search("claude|anthropic", front["name"])
    assert 1 <= len(front["description"]) <= 1024 and not re.search("[<>\n]", front["description"])


@pytest.mark.plain
def test_the_files_that_it_names_exist_and_no_others():
    named = {target for target in re.findall(r"\]\(([^)#]+)\)", BODY) if not target.startswith("http")}
    assert named | {"SKILL.md"} == {str(path.relative_to(SKILL)) for path in SKILL.rglob("*")}


@pytest.mark.plain
def test_every_command_and_flag_exists(binary):
    assert not unknown_words(binary, BODY)
    assert unknown_words(binary, "`ostiary telemetry connect --tokens`, `ostiary telemetry connects`, `--wrong x`") == {
        "ostiary telemetry connect --tokens", "ostiary telemetry connects", "--wrong"}


@pytest.mark.plain
def test_what_check_says_is_what_the_page_explains():
    said = "".join(re.sub(r'"\s+"', "", path.read_text()) for folder in ("connect", "relay", "cli", "claude")
                   for path in (ROOT / "src" / folder).glob("*.cc"))
    section = re.search(r"^## Nothing arrives\n(.*?)^## ", BODY, re.M | re.S)[1]
    phrases = [phrase for row in re.findall(r"^\| (`.*?) \|", section, re.M) for phrase in re.findall("`([^`]+)`", row)]
    assert len(phrases) > 10 and [phrase for phrase in phrases if phrase not in said] == []


@pytest.mark.plain
def test_no_command_has_a_secret_as_an_argument():
    assert not with_secrets(BODY)
    bad = ("ostiary telemetry connect --header 'Authorization: x'", "ostiary telemetry connect --header Authorization=x",
           "echo Bearer x | ostiary telemetry connect --header Authorization")
    for command in bad:
        assert with_secrets(f"Write `{command}`.") == [command]


@pytest.mark.plain
def test_no_command_that_asks_for_a_secret_is_to_be_run_inside_claude_code():
    assert "--header Authorization" in BODY
    assert not re.search(r"`! ?ostiary", BODY)
    assert "Never write `--reveal`" in BODY and BODY.count("--reveal") == 1


# Sessions -----------------------------------------------------------------------------------------


def install(developer, folder=HOME):
    for path in SKILL.rglob("*"):
        developer.machine.write(f"{folder}/.claude/skills/{NAME}/{path.relative_to(SKILL)}", path.read_text(), owner=AGENT)


@pytest.fixture
def asks(developer):
    """A session in which the model takes the skill, then runs these commands. Returns their output."""
    install(developer)

    def asks(prompt, *lines):
        turns = [api.tool("Bash", command=line, description=f"step {step}") for step, line in enumerate(lines)]
        launched, *results = developer.session(prompt, api.tool("Skill", skill=NAME), *turns, flags=AGREED)
        assert launched == f"Launching skill: {NAME}"
        assert BODY.strip() in developer.conversation() and MARKER not in json.dumps(developer.requests())
        assert len(results) == len(lines)
        return results
    return asks


def values(port, **more):
    return {"URL": f"https://{HOST}:{port}", "PROTOCOL": PORTS[port], "FILE": HEADER, "TEAM": "blue"} | more


def taken(output):
    return output.count(": taken by ")


@pytest.mark.parametrize("folder", [HOME, "/work"], ids=["users", "projects"])
def test_claude_code_offers_the_skill_to_the_model(developer, folder):
    install(developer, folder)
    developer.session("set up telemetry locally")
    assert f"- {NAME}: {yaml.safe_load(FRONT)['description']}" in developer.conversation()


@pytest.mark.parametrize("port", PORTS)
def test_a_collector_is_connected_checked_and_taken_out_again(developer, asks, port):
    before = commands("What is set up")
    connect, check = commands("Connect to a collector", **values(port))
    *_, said, checked = asks(f"connect us to {HOST}:{port}", *before, connect, check)
    assert f"{SETTINGS}: Claude Code sends telemetry to https://{HOST}:{port} over {PORTS[port]}" in said
    assert taken(checked) == 3, checked
    made = developer.settings()

    developer.machine.write("/home/other/.claude/settings.json", OWN, owner=AGENT)
    by_hand = developer.run(*shlex.split(connect), env={"HOME": "/home/other", "CLAUDE_CONFIG_DIR": "/home/other/.claude"})
    assert by_hand.status == 0, by_hand
    assert made == developer.machine.at("/home/other/.claude/settings.json").read_bytes()

    developer.session("go on", api.bash("true"), flags=("--allowedTools", "Bash"))
    for signal, name in (("traces", "claude_code.llm_request"), ("metrics", "claude_code.cost.usage"), ("logs", "api_request")):
        eventually(lambda: name in developer.arrived(signal, team="blue"), f"{name} arrives: {developer.collector.log()}")

    undo, = commands("Undo")
    asks("stop sending telemetry", undo)
    assert developer.settings() == OWN


def test_the_local_stack_is_started_connected_and_taken_out_again(developer, asks, tmp_path):
    machine = developer.machine
    machine.write("/opt/container/stack/stack", """#!/bin/sh
[ "$1" = endpoint ] && echo http://127.0.0.1:4318 || echo the stack says $1
""", mode=0o755)
    (at := tmp_path / "stack").mkdir()
    stores = {f"STACK_{signal.upper()}": "http://127.0.0.1:9" for signal in SIGNALS}
    running = OtelCollector(machine.link.network, at, FILES / "receive.yaml", FILES.parent / "stack" / "collector.yaml",
                            env=stores | {"COLLECTOR_TRANSPORT": "local", "COLLECTOR_QUEUE": str(at / "queue")})
    try:
        local, = commands("Set up locally", TEAM="blue")
        said, = asks("set up telemetry locally", local)
        assert taken(said) == 3 and "the stack says up" in said and "the stack says check" in said, said
        env = json.loads(developer.settings())["env"]
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318" and env["OTEL_RESOURCE_ATTRIBUTES"] == "team=blue"
    finally:
        running.kill()
    asks("stop sending telemetry", *commands("Undo"))
    assert developer.settings() == OWN


def test_a_protocol_that_does_not_fit_is_found_and_corrected(developer, asks):
    wrong, check = commands("Connect to a collector", **values(4317, PROTOCOL="http/protobuf"))
    _, refused = asks(f"connect us to {HOST}:4317", wrong, check)
    assert taken(refused) == 0 and "--protocol grpc" in refused
    check, = commands("Nothing arrives")
    right, _ = commands("Connect to a collector", **values(4317))
    first, _, second = asks("why does no telemetry arrive?", check, right, check)
    assert "--protocol grpc" in first and taken(second) == 3, (first, second)


def test_a_team_is_added_to_what_was_set_up_before(developer, asks):
    connect, _ = commands("Connect to a collector", **values(4318))
    before = developer.run(*shlex.split(connect.replace("team=blue", "'site=new york'")), "--tool-details", "--temporality", "cumulative")
    assert before.status == 0, before
    env = json.loads(developer.settings())["env"]
    look, connect, check = commands("Show a team", **values(4318))
    shown, = asks("make a dashboard show my team", look)
    assert sorted(line.split('"')[1] for line in shown.splitlines()) == [
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_LOG_ASSISTANT_RESPONSES", "OTEL_LOG_RAW_API_BODIES", "OTEL_LOG_TOOL_CONTENT",
        "OTEL_LOG_TOOL_DETAILS", "OTEL_LOG_USER_PROMPTS", "OTEL_RESOURCE_ATTRIBUTES"]
    encoded, attribute = re.search(r"for\s+`(.*)` write `(--attribute .*)`", BODY).groups()
    assert encoded in shown and MARKER not in shown
    *_, checked = asks("make a dashboard show my team", look, f"{connect} {attribute} --temporality cumulative --tool-details", check)
    assert taken(checked) == 3
    now = json.loads(developer.settings())["env"]
    assert now == env | {"OTEL_RESOURCE_ATTRIBUTES": f"{encoded},team=blue"}
    eventually(lambda: developer.arrived("metrics", team="blue", site="new york"), "the batch arrives under both attributes")


def test_the_settings_are_looked_for_where_claude_code_has_them(developer):
    elsewhere = "/home/other/.claude"
    install(developer, "/work")
    check, look = commands("What is set up")
    assert look in commands("Show a team", **values(4318))
    connect, _ = commands("Connect to a collector", **values(4318))
    developer.internet.start_over(*(api.tool("Bash", command=line, description=line.split()[0]) for line in (
        connect, check, look.replace("~/.claude", elsewhere))), api.say("done"))
    done = developer.run("claude", "-p", "connect us", *AGREED, "--add-dir", elsewhere, env={"CLAUDE_CONFIG_DIR": elsewhere})
    assert done.status == 0, done
    _, found, shown = developer.internet.api.tool_results()
    assert found.startswith(f"settings: {elsewhere}/settings.json ") and f"https://{HOST}:4318" in shown and MARKER not in shown
    assert developer.settings() == OWN


@pytest.mark.plain
def test_the_cost_is_asked_of_the_stacks_prometheus_with_a_query_of_the_page_of_queries():
    command, = commands("What sessions cost")
    port, query = re.search(r"http://127\.0\.0\.1:(\d+)/.*'query=(.*)'$", command).groups()
    assert f"#STACK_PORT_PROMETHEUS={port}\n" in (ROOT / "container/stack/stack.env").read_text()
    assert f"\n{query.replace('[7d]', '[$__range]')}\n```" in (ROOT / "docs/queries.md").read_text()


def test_prometheus_understands_the_command_that_asks_for_the_cost(internet, tmp_path):
    prometheus = shutil.which("prometheus") or pytest.skip("there is no prometheus: install the package")
    command, = commands("What sessions cost")
    port = re.search(r"http://127\.0\.0\.1:(\d+)/", command)[1]
    (tmp_path / "prometheus.yaml").write_text("{}\n")
    running = Program(internet.network, [prometheus, f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data",
                                         f"--web.listen-address=127.0.0.1:{port}"], {}, tmp_path / "log")
    try:
        eventually(lambda: "Server is ready" in running.log(), f"it is ready: {running.log()}")
        with internet.network.entered():
            answer = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
        assert json.loads(answer) == {"status": "success", "data": {"resultType": "vector", "result": []}}
    finally:
        running.kill()


def test_claude_codes_shell_mode_has_no_terminal_to_ask_at(developer):
    connect, _ = commands("Connect to a collector", **values(4318))
    asking = re.sub(r"--header-file \S+", "--header Authorization", connect)
    developer.machine.write("/work/ask", f"#!/bin/sh\n{asking} >/work/answer 2>&1\n", mode=0o755)
    session = developer.terminal()
    session.read_until("❯")
    session.send("!")
    session.read_until("shell mode")
    session.send("./ask")
    session.read_until("./ask")
    session.send("\r")
    said = developer.machine.at("/work/answer")
    eventually(lambda: said.exists() and "has no value" in said.read_text(), f"the command ends without a question: {session}")
    assert developer.settings() == OWN
