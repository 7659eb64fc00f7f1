"""The documents are correct: their commands work, the files that they name exist, and their lists
are complete."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from support.project import ROOT

README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PLAN = ROOT / "docs" / "plan.md"
SCHEMA = ROOT / "docs" / "policy.schema.json"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

# Docker's default capabilities.
DOCKER = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID
SYS_CHROOT""".split()


def blocks(path, language):
    """The fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.M | re.S)


def commands(path):
    """The indented lines that run ostiary or a script of ours, or start a container with ostiary."""
    return re.findall(r"^    ((?:\./scripts/|ostiary |(?:sudo )?build/ostiary |docker ).*?)(?: +#.*)?$", path.read_text(), re.M)


def rows(path):
    """The cells of all table rows."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def described(path, heading):
    """The first column of the table under a heading."""
    part = path.read_text().split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", part, re.M)


# Commands -----------------------------------------------------------------------------------------


def test_the_readmes_commands_are_tested():
    assert [command.partition(" --")[0] for command in commands(README)] == [
        "docker run", "docker compose", "ostiary telemetry connect", "ostiary telemetry local", "./scripts/demo", "./scripts/test",
        "build/ostiary plan", "sudo build/ostiary run", "docker build -f container/Dockerfile -t ostiary-claude .", "docker run", "docker run"]


def test_the_readmes_plan_command_works(sandbox):
    command, = [command for command in commands(README) if command.startswith("build/ostiary plan")]
    plan = sandbox.plan(*shlex.split(command)[2:])
    assert {"example.com": "443", "git.example.org": "22"}.items() <= {rule["host"]: rule["ports"] for rule in plan["rules"]}.items()


def test_the_readmes_first_commands_are_those_of_their_pages(sandbox):
    container, collector, connect, local = commands(README)[:4]
    assert container in commands(ROOT / "docs" / "container.md")
    assert local in commands(ROOT / "docs" / "telemetry.md")
    assert sandbox.run(*shlex.split(local)[1:], "--help").status == 0
    connected = sandbox.run(*shlex.split(connect)[1:], "--scope", "print")
    endpoint = json.loads(connected.stdout)["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert endpoint in connect and endpoint in (ROOT / "docs" / "rollout.md").read_text()
    file, profile = re.fullmatch(r"docker compose --file (\S+) --profile (\S+) up --detach", collector).groups()
    services = yaml.safe_load((ROOT / file).read_text())["services"]
    assert [profile] in [service["profiles"] for service in services.values()]


def test_the_demo_succeeds(binary):
    done = subprocess.run([ROOT / "scripts" / "demo"], env=os.environ | {"OSTIARY_BINARY": str(binary)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "phase 1: self-test:" in done.stdout and "phase 2: demo-agent starts as root" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("All as expected: ")


@pytest.mark.parametrize("script", ["demo", "test", "bench", "check", "setup", "build", "bundle"])
def test_every_script_says_what_it_does_and_stops_at_an_error(script):
    text = (ROOT / "scripts" / script).read_text().splitlines()
    assert os.access(ROOT / "scripts" / script, os.X_OK)
    assert text[0] == "#!/usr/bin/env bash" and text[1].startswith("# ") and "set -euo pipefail" in text


def test_the_readmes_policy_is_valid(sandbox):
    text, = blocks(README, "json")
    sandbox.policy(text)
    plan = sandbox.plan("claude")
    assert plan["agent"]["user"] == "agent" and plan["agent"]["workdir"] == "/work"
    assert {"github.com", "registry.example.com", "*.packages.example.com", "10.1.2.0/24"} <= {
        rule["host"] for rule in plan["rules"]}


def test_the_demo_has_the_capabilities_of_the_readmes_container():
    first, second = [re.findall(r"--cap-add=(\S+)", command) for command in commands(README)
                     if command.startswith("docker run --cap-add")]
    assert first == second
    stage = (ROOT / "scripts" / "demo.d" / "stage").read_text()
    granted = {name.upper() for line in re.findall(r"^capabilities\+?=(.*)$", stage, re.M)
               for name in re.findall(r"\+([a-z_]+)", line)}
    assert granted == {*DOCKER, *first}


@pytest.mark.parametrize("example", [0, 1, 2], ids=["tickets", "npm", "git"])
def test_the_examples_of_relays_are_valid(sandbox, example):
    text = blocks(ROOT / "docs" / "relayed-requests.md", "json")[example]
    relay, = json.loads(text)["relays"]
    sandbox.policy(text)
    forward, = sandbox.plan("--upstream", "192.0.2.53", env={relay["secret"]: "secret"})["relay"]["forwards"]
    assert forward["name"] == relay["name"] and forward["listens"] == "127.0.0.1:15356"
    value = relay.get("value", "{url}/").replace("{url}", "http://127.0.0.1:15356")
    assert forward["variables"] == [{"name": relay["variable"], "value": value}]


# Configuration ------------------------------------------------------------------------------------


SETTINGS = {cells[2].split("`")[1]: cells for cells in rows(CONFIGURATION) if cells[0].startswith("`--") and cells[2]}


def has_bounds(cells):
    return cells[0].strip("`").endswith((" SECONDS", " MIB"))


def test_the_schema_has_every_key_of_the_policy_file():
    schema = json.loads(SCHEMA.read_text())
    assert set(schema["properties"]) == {*SETTINGS, "$schema", "allow", "relays", "telemetry", "resource_attributes"}


def test_the_schema_takes_the_entries_that_ostiary_takes(sandbox):
    entry = json.loads(SCHEMA.read_text())["definitions"]["entry"]
    presets = re.findall(r"^([a-z0-9-]+):", sandbox.run("presets").stdout, re.M)
    taken = [*entry["examples"], *(f"preset:{each}" for each in presets), "*.example.com", "example.com:1-2,3/UDP", "192.0.2.0/24",
             *(f"example.com:8080/{word}" for word in ("tcp", "udp", "both", "tls", "http", "raw"))]
    refused = ["preset:unknown", "example.com:https", "example.com/https", "https://example.com", "example.com:443/tls/udp"]
    is_taken = lambda each: re.search(entry["pattern"], each) is not None
    assert len(presets) > 10 and [each for each in taken if not is_taken(each)] == [each for each in refused if is_taken(each)] == []
    environment = {"AWS_REGION": "eu-west-1", "CLOUD_ML_REGION": "europe-west1"}
    statuses = {each: sandbox.run("plan", "--allow", each, "--", "true", env=environment).status for each in taken + refused}
    assert statuses == dict.fromkeys(taken, 0) | dict.fromkeys(refused, 78)


def test_the_schema_has_the_bounds_that_are_documented():
    properties = json.loads(SCHEMA.read_text())["properties"]
    for key, cells in SETTINGS.items():
        if not has_bounds(cells):
            continue
        least, most = map(int, re.search(r"(\d+) to (\d+)", cells[4]).groups())
        assert (properties[key]["minimum"], properties[key]["maximum"]) == (least, most), key
        assert str(properties[key]["default"]) == cells[3].strip("`"), key


@pytest.mark.parametrize("key", [key for key, cells in SETTINGS.items() if has_bounds(cells)])
def test_values_outside_the_documented_bounds_are_refused(sandbox, key):
    flag = SETTINGS[key][0].strip("`").split()[0]
    least, most = map(int, re.search(r"(\d+) to (\d+)", SETTINGS[key][4]).groups())
    statuses = [sandbox.run("plan", f"{flag}={value}", "--", "true").status for value in (least - 1, least, most, most + 1)]
    assert statuses == [78, 0, 0, 78]


def test_the_example_of_a_policy_file_is_valid(sandbox):
    text, = blocks(CONFIGURATION, "json")
    sandbox.policy(text.replace('"node"', '"agent"'))
    plan = sandbox.plan("claude")
    by_host = {rule["host"]: rule for rule in plan["rules"]}
    assert by_host["git.example.com"]["ports"] == "22,443"
    assert by_host["db.internal.example.com"]["private"] is True
    assert by_host["mail.example.com"]["types"] == "MX"
    assert by_host["licence.example.com"]["required"] is True


def test_the_examples_of_errors_are_what_ostiary_prints(sandbox):
    errors = blocks(CONFIGURATION, "text")[0].splitlines()
    sandbox.policy('{\n  "allow": [],\n  "garce": 5\n}\n')
    assert sandbox.run("plan").stderr.splitlines() == errors[:1]
    sandbox.policy('{\n  // comment\n  "allow": [\n    "api.example.com",\n    "*.com"\n  ]\n}\n')
    assert sandbox.run("plan").stderr.splitlines() == errors[1:]


def test_every_kind_of_entry_is_valid(sandbox):
    entries = described(CONFIGURATION, "## What the agent may reach")[:11]
    assert "preset:github" in entries
    flags = [word for entry in entries for word in ("--allow", entry)]
    assert sandbox.run("plan", *flags, "--", "true").status == 0


def test_the_presets_are_the_documented_ones(sandbox):
    listed = re.findall(r"^([a-z-]+): (.*)$", sandbox.run("presets").stdout, re.M)
    documented = [cells for cells in rows(CONFIGURATION) if len(cells) == 2]
    assert [[f"`{name}`", f"{what.replace('AWS_REGION', '`AWS_REGION`').replace('CLOUD_ML_REGION', '`CLOUD_ML_REGION`')}"]
            for name, what in listed] == [cells for cells in documented if cells[0].strip("`") in dict(listed)]


def test_every_command_is_documented(sandbox):
    said = re.findall(r"^  ([a-z]+) ", sandbox.run("--help").stdout, re.M)
    documented = re.findall(r"^\| `ostiary ([a-z]+)", CONFIGURATION.read_text(), re.M)
    assert sorted(said) == sorted(documented)


# The plan -----------------------------------------------------------------------------------------


def test_the_example_of_a_plan_is_what_ostiary_prints(sandbox, request):
    script, = blocks(PLAN, "sh")
    sandbox.script("/work/example", script)
    result = sandbox.launch("/work/example", stdin=b"").wait()
    assert result.status == 0, result
    shown, left_out = re.subn(r'("nftables": \[\n.*),\n( {6}.*\n)*', r"\1\n", result.stdout)
    assert left_out == 1 and len(shown) < len(result.stdout)
    if request.config.getoption("--update-golden"):
        text = PLAN.read_text()
        PLAN.write_text(text[:text.rindex("```json\n")] + "```json\n" + shown + "```\n")
    assert blocks(PLAN, "json")[-1] == shown


def test_every_key_of_the_plan_is_documented(sandbox):
    plan = sandbox.plan("--allow", "example.com", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example"})
    assert described(PLAN, "## Keys") == list(plan)
    assert described(PLAN, "### `telemetry`") == list(plan["telemetry"])
    assert described(PLAN, "### `rules`") == list(plan["rules"][0])
    gated = sandbox.plan("--upstream", "192.0.2.53")
    assert described(PLAN, "### `ruleset`") == list(gated["ruleset"])


# Architecture -------------------------------------------------------------------------------------


def test_the_documented_layers_are_those_that_are_checked():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from layers import LAYERS
    finally:
        sys.path.pop(0)
    written, = blocks(ARCHITECTURE, "layers")
    assert [line.split() for line in written.splitlines()] == LAYERS
    assert [cells[0].strip("`") for cells in rows(ARCHITECTURE) if cells[0].strip("`") in sum(LAYERS, [])] == sum(LAYERS, [])


def anchors(document):
    """The possible targets of links into a document: its headings, as GitHub spells them."""
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", document.read_text(), re.M)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_sections_that_a_document_names_exist(document):
    text = document.read_text()
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        if target.startswith("http"):
            continue
        named = document.parent / target if target else document
        assert named.exists(), target
        assert not anchor or anchor in anchors(named), (target, anchor)
    for path in re.findall(r"`((?:tests|scripts|include|docs|src)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_documents_that_the_code_names_exist():
    for path in [*ROOT.glob("src/**/*.cc"), *ROOT.glob("include/**/*.h"), ROOT / "meson.build"]:
        for name in re.findall(r"docs/[\w./-]+\.\w+", path.read_text()):
            assert (ROOT / name).exists(), (path, name)
