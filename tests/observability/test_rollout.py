"""docs/rollout.md: its commands make what its steps need, Claude Code obeys the managed settings, and the numbers are measured or
follow from those that are."""

import json
import os
import plistlib
import re
import shutil
import subprocess

import pytest

from observability.developer import SETTINGS
from support.claude import api
from support.commands import of_telemetry, unknown_words, with_secrets
from support.otlp import SIGNALS
from support.project import ROOT
from support.rootfs import AGENT, AUTHORITIES
from support.waiting import eventually

DOCUMENT, COLLECTOR = ROOT / "docs" / "rollout.md", ROOT / "docs" / "collector.md"
COLLECTOR_FILES = ROOT / "container" / "collector"
TEXT = DOCUMENT.read_text()
RULES = ROOT / "container" / "stack" / "prometheus" / "rules"
MANAGED = "/etc/claude-code/managed-settings.json"
SH = re.findall(r"^( *)```sh\n(.*?)^ *```$", TEXT, re.M | re.S)
MAKE_TOKENS, MAKE_SETTINGS, LEAVE_OUT_TRACES = [re.sub(f"^{indent}", "", block, flags=re.M) for indent, block in SH]


@pytest.mark.plain
def test_its_commands_exist_and_hold_no_secret(binary):
    assert len(of_telemetry(TEXT)) > 5 and unknown_words(binary, TEXT) == {"--relay-spool"}  # of ostiary run
    assert not with_secrets(MAKE_SETTINGS)
    for path in re.findall(r"`(container/[\w./-]+)`", TEXT):
        assert (ROOT / path).exists(), path


@pytest.mark.plain
def test_the_tunnel_has_the_stacks_ports():
    compose = ROOT / "container" / "stack" / "compose.yaml"
    forwarded = re.findall(r"-L (\d+):127\.0\.0\.1:(\d+)", TEXT)
    assert len(forwarded) == 2 and all(here == there for here, there in forwarded)
    default = dict(re.findall(r"\$\{STACK_PORT_(\w+):-(\d+)\}", compose.read_text()))
    assert [there for _, there in forwarded] == [default["HTTP"], default["GRAFANA"]]


# Settings -----------------------------------------------------------------------------------------


@pytest.fixture
def made(binary, tmp_path):
    """Runs the documented commands. Returns the folder with the teams' files, and a function that runs a further block."""
    tree = tmp_path / "tree"
    secrets = tree / "container" / "collector" / "secrets"
    secrets.mkdir(parents=True)
    shutil.copy(ROOT / "container" / "collector" / "secrets" / ".gitignore", secrets)
    subprocess.run(["git", "init", "-q", tree], check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ostiary").symlink_to(binary)

    def run(block, at=secrets.parent, check=True):
        return subprocess.run(["bash", "-c", block], cwd=at, check=check, stderr=subprocess.PIPE, text=True,
                              env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    run(MAKE_TOKENS + MAKE_SETTINGS, tree)
    return secrets, run


def variables(secrets):
    """The variables of the team blue in each form."""
    registry, = re.findall(r'^"Settings"="(.*)"$', (secrets / "blue.reg").read_text(), re.M)
    return [form["env"] for form in (
        json.loads((secrets / "blue.json").read_text()), plistlib.loads((secrets / "blue.plist").read_bytes()),
        json.loads(json.loads(f'"{registry}"')))]


@pytest.mark.plain
def test_the_three_forms_have_the_teams_token_and_no_content(made):
    secrets, run = made
    tokens = dict(reversed(line.split()) for line in (secrets / "tokens").read_text().splitlines())
    assert tokens.keys() == {"blue", "red"} and all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens.values())
    for env in variables(secrets):
        assert env["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {tokens['blue']}"
        assert env["OTEL_RESOURCE_ATTRIBUTES"] == "cost_center=1200,team=blue"
        assert {value for name, value in env.items() if name.startswith("OTEL_LOG_")} == {"0"}
    assert "temporality=delta" in MAKE_SETTINGS and "write `cumulative` in place of `delta`" in TEXT
    for temporality in ("delta", "cumulative"):
        run(MAKE_SETTINGS.replace("temporality=delta", f"temporality={temporality}"))
        assert {env["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] for env in variables(secrets)} == {temporality}


@pytest.mark.plain
def test_traces_are_left_out_of_each_form(made):
    secrets, run = made
    before = variables(secrets)
    run(LEAVE_OUT_TRACES)
    assert variables(secrets) == [env | {"OTEL_TRACES_EXPORTER": "none"} for env in before]


@pytest.mark.plain
def test_a_token_that_is_added_during_a_rotation_is_the_one_of_the_settings(made):
    secrets, run = made
    with (secrets / "tokens").open("a") as tokens:
        tokens.write("0123  blue\n")
    run("rm secrets/blue.*; umask 022; " + MAKE_SETTINGS)
    assert {env["OTEL_EXPORTER_OTLP_HEADERS"] for env in variables(secrets)} == {"Authorization=Bearer 0123"}
    assert {path.stat().st_mode & 0o777 for path in secrets.glob("blue.*")} == {0o600}


@pytest.mark.plain
@pytest.mark.parametrize("right, wrong, said", [("team=blue", "team=green", "no line of secrets/tokens has the team green"),
                                                ("https://otel", "otel", "--endpoint")])
def test_an_error_is_said_and_leaves_the_settings_of_before(made, right, wrong, said):
    secrets, run = made
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    done = run(MAKE_SETTINGS.replace(right, wrong), check=False)
    assert done.returncode != 0 and said in done.stderr
    now = {path.name: path.read_text() for path in secrets.iterdir()}
    assert {name: now[name] for name in before} == before and now.keys() - before.keys() <= {"blue.json.new"}


@pytest.mark.plain
def test_what_has_a_token_is_private_and_ignored_by_git(made):
    secrets, _ = made
    files = [path for path in secrets.iterdir() if path.name != ".gitignore"]
    assert {path.name for path in files} == {"tokens", "blue.header", "blue.json", "blue.plist", "blue.reg"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    ignored = subprocess.run(["git", "check-ignore", *files], cwd=secrets, capture_output=True, text=True, check=True)
    assert len(ignored.stdout.splitlines()) == len(files)


def test_claude_code_obeys_the_managed_settings_and_not_the_users(developer, made):
    secrets, run = made
    developer.tokens.write_text((secrets / "tokens").read_text())
    developer.machine.write(AUTHORITIES, developer.machine.read("/etc/authority.pem"))
    developer.machine.write(MANAGED, (secrets / "blue.json").read_text())
    developer.machine.write(SETTINGS, json.dumps({"env": {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere.example:4318", "OTEL_RESOURCE_ATTRIBUTES": "team=red",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere.example:4318/v1/traces", "OTEL_LOG_USER_PROMPTS": "1",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer mine",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "Authorization=Bearer mine"}}), owner=AGENT)
    check, = re.findall(r"^ +sudo ostiary (telemetry check .*)$", TEXT, re.M)

    def checked():
        return developer.run("ostiary", *check.split(), uid=0)
    done = eventually(lambda: (found := checked()).status == 0 and found, f"the new tokens are read: {checked()}")
    assert done.stdout.count(": taken by ") == 3

    developer.session("a secret plan", api.bash("true"))
    for signal, name in (("traces", "claude_code.llm_request"), ("metrics", "claude_code.cost.usage"), ("logs", "user_prompt")):
        eventually(lambda: name in developer.arrived(signal, team="blue", cost_center="1200"),
                   f"{name} arrives: {developer.collector.log()}")
        assert not developer.arrived(signal, team="red")
        assert "a secret plan" not in (developer.directory / f"{signal}.jsonl").read_text()

    run(LEAVE_OUT_TRACES)
    developer.machine.write(MANAGED, (secrets / "blue.json").read_text())
    before = len(developer.arrived("traces")), len(developer.arrived("logs"))
    assert re.search(r"^traces: (?!taken)", checked().stdout, re.M)
    developer.session("go on", api.bash("true"))
    eventually(lambda: len(developer.arrived("logs")) > before[1] + 1, "events arrive")
    assert len(developer.arrived("traces")) == before[0]


def test_a_token_in_a_secret_of_kubernetes_is_replaced_without_a_restart(developer, tmp_path):
    """Kubernetes replaces a link to the folder of the files."""
    folder = tmp_path / "run"
    for number, token in enumerate(("old", "new"), 1):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "tokens").write_text(f"{token}\n")
    (folder / "data").symlink_to("1")
    (folder / "tokens").symlink_to("data/tokens")
    developer.restart_collector(folder / "tokens")
    assert developer.takes("old") and not developer.takes("new")
    (folder / "next").symlink_to("2")
    (folder / "next").replace(folder / "data")
    shutil.rmtree(folder / "1")
    eventually(lambda: developer.takes("new"), "the new token is taken")
    assert not developer.takes("old")


# Numbers ------------------------------------------------------------------------------------------


def rows(text):
    return {cells[0]: cells[1:] for line in text.splitlines() if line.startswith("| ")
            for cells in [[cell.strip() for cell in line.strip("|").split("|")]]}


def number(text):
    """A cell as a number, of octets if it has a unit."""
    value, unit = re.fullmatch(r"([\d.,]+)(?: ([kMGT]B))?", text).groups()
    return float(value.replace(",", "")) * {None: 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


@pytest.mark.plain
def test_the_computed_numbers_follow_from_the_measured_ones():
    measured = rows(COLLECTOR.read_text())
    records, json_octets, plain = map(number, measured["a session without content"])
    _, _, full = map(number, measured["a session with all content, bodies of API requests included"])
    assert f"{records:.0f} records" in TEXT and f"{plain / 1e3:.0f} kB" in TEXT and f"{full / 1e3:.0f} kB" in TEXT
    assert "0.005 USD for a thousand writes and 0.023 USD for a gigabyte" in COLLECTOR.read_text()
    table = rows(TEXT.split("| a day |", 1)[1])
    for column, developers in enumerate((5, 100, 10_000)):
        sessions = 5 * developers
        wanted = {
            "sessions": sessions, "records": sessions * records, "records a second, mean": sessions * records / (8 * 3600),
            "in the bucket, without content": sessions * plain, "in the bucket, with all content": sessions * full,
            "kept a year, without content: USD a month": sessions * plain * 365 * 0.023e-9,
            "kept a year, with all content: USD a month": sessions * full * 365 * 0.023e-9,
            "new series of metrics": sessions * 20}
        for name, value in wanted.items():
            assert number(table[name][column]) == pytest.approx(value, rel=0.05), (name, developers)
    octets = int(re.search(r"^#COLLECTOR_BATCH_OCTETS=(\d+)$", (COLLECTOR_FILES / "to-s3.env").read_text(), re.M)[1])
    objects = 10 * 4320 + 50_000 * json_octets / octets
    assert f"about {round(objects, -4):,.0f} a day" in TEXT and f"for {objects * 30 * 0.005e-3:.1f} USD" in TEXT


def test_a_session_has_the_documented_series_and_traces_are_more_than_half(developer):
    developer.connect()
    calls = [api.bash(f"echo {turn}") for turn in range(38)]
    edits = [api.tool("Write", file_path="/work/a", content="a\nb\n"),
             api.tool("Edit", file_path="/work/a", old_string="a", new_string="c")]
    developer.session("go on", *calls, *edits, flags=("--allowedTools", "Bash", "Write", "Edit"))
    eventually(lambda: "claude_code.lines_of_code.count" in developer.arrived("metrics"), "the metrics arrive")
    octets = {signal: (developer.directory / f"{signal}.jsonl").stat().st_size for signal in SIGNALS}
    assert octets["traces"] > sum(octets.values()) / 2
    series = {(metric["name"], json.dumps(point["attributes"]))
              for line in (developer.directory / "metrics.jsonl").read_text().splitlines()
              for group in json.loads(line)["resourceMetrics"] for scope in group["scopeMetrics"] for metric in scope["metrics"]
              for point in metric["sum"]["dataPoints"]}
    documented, = re.findall(r"has\s+(\d+) series of metrics", TEXT)
    assert len(series) == int(documented)
    assert len([name for name, _ in series if name in ("claude_code.token.usage", "claude_code.cost.usage")]) == 5


# Queries ------------------------------------------------------------------------------------------


SESSIONS, USERS, SILENT = [query for query in re.findall(r"`([^`\n]+)`", TEXT) if "increase1m" in query]
# Hours of 8 days: blue sends until the end, red until five days before.
UNIT = """
rule_files: [queries.yaml]
evaluation_interval: 1h
tests:
  - interval: 1h
    input_series:
      - {{ series: 'claude_code_session_count:increase1m{{team="blue", user_email="ann", user_id="1", session_id="1"}}', values: '0x190 1 1' }}
      - {{ series: 'claude_code_session_count:increase1m{{team="blue", user_email="ann", user_id="2", session_id="3"}}', values: '0x160 1 0x30' }}
      - {{ series: 'claude_code_session_count:increase1m{{team="blue", user_id="4", session_id="4"}}', values: '0x192' }}
      - {{ series: 'claude_code_session_count:increase1m{{team="red", user_email="bob", user_id="3", session_id="2"}}', values: '0x70 1 _x120' }}
    promql_expr_test:
      - {{ expr: {sessions}, eval_time: 192h, exp_samples: [{{ labels: '{{}}', value: 2 }}] }}
      - {{ expr: {users}, eval_time: 192h, exp_samples: [{{ labels: '{{}}', value: 2 }}] }}
      - {{ expr: {silent}, eval_time: 192h, exp_samples: [{{ labels: '{{team="red"}}', value: 1 }}] }}
"""


def test_its_queries_say_what_the_page_says(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("there is no promtool: install the package prometheus")
    recorded = {name for path in RULES.glob("*.yaml") for name in re.findall(r"record: (\S+)", path.read_text())}
    assert set(re.findall(r"\w+:increase1[md]", TEXT)) <= recorded
    (tmp_path / "queries.yaml").write_text("groups: []\n")
    (tmp_path / "unit.yaml").write_text(UNIT.format(**{
        name: json.dumps(query) for name, query in (("sessions", SESSIONS), ("users", USERS), ("silent", SILENT))}))
    done = subprocess.run(["promtool", "test", "rules", "unit.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
