"""docs/telemetry.md: its commands install the program and the skill, and an authority of one's own is where the page says."""

import json
import os
import re
import shutil
import subprocess

import pytest

from observability.developer import HEADER, HOST, SETTINGS
from support.claude import api
from support.project import ROOT
from support.rootfs import AGENT
from support.waiting import eventually

TELEMETRY = ROOT / "docs" / "telemetry.md"
INSTALL = re.findall(r"^    \./scripts/setup build\n(?:    .*\n)+", TELEMETRY.read_text(), re.M)
needs_patchelf = pytest.mark.skipif(not shutil.which("patchelf"), reason="there is no patchelf: install it for scripts/bundle")


@pytest.fixture
def run(tmp_path, binary):
    """Runs commands in a copy of the tree that is built already, in a home of its own. Returns the home."""
    tree, home = tmp_path / "tree", tmp_path / "home"
    for folder in ("scripts", "container"):
        shutil.copytree(ROOT / folder, tree / folder)
    for program in (binary, binary.with_name("ostiary-relay")):
        (tree / "build").mkdir(exist_ok=True)
        shutil.copy(program, tree / "build")
    for step in ("setup", "build"):
        (tree / "scripts" / step).write_text("#!/bin/sh\n")
    home.mkdir()

    def run(*commands):
        subprocess.run(["bash", "-euc", "\n".join(commands)], cwd=tree, env=os.environ | {"HOME": str(home)}, check=True)
        return home
    return run


def telemetry_of(program, home, *words):
    return subprocess.run([program, "telemetry", *words], env={"HOME": str(home)}, capture_output=True, text=True)


@pytest.mark.plain
@needs_patchelf
def test_the_documented_commands_install_the_program_and_update_it(run):
    block, _ = INSTALL
    stack = "container/stack/stack"
    home = run(f"printf '#!/bin/sh\\nexit 69\\n' >{stack}", f"chmod +x {stack}", block, block)

    def telemetry(*words):
        return telemetry_of(home / ".local/bin/ostiary", home, *words)
    assert telemetry("connect", "--endpoint", "http://127.0.0.1:9").returncode == 0
    checked = telemetry("check")
    assert checked.stdout.count("Connection refused") == 3, checked  # so ostiary-relay runs
    assert "/.local/lib/ostiary/share/ostiary/stack/stack" in telemetry("local").stderr


@pytest.mark.plain
@needs_patchelf
def test_the_documented_commands_install_the_program_for_a_machine_and_update_it(run, tmp_path):
    _, block = INSTALL
    machine = tmp_path / "machine"
    (machine / "usr/local/bin").mkdir(parents=True)
    block = re.sub(r"(?<=\s)/(opt|usr)/", rf"{machine}/\1/", block.replace("sudo ", ""))
    home = run(block, f"touch {machine}/opt/ostiary/bin/old", block)
    program = machine / "usr/local/bin/ostiary"
    assert program.resolve() == machine / "opt/ostiary/bin/ostiary" and not (machine / "opt/ostiary/bin/old").exists()
    assert telemetry_of(program, home, "connect", "--endpoint", "http://127.0.0.1:9").returncode == 0
    checked = telemetry_of(program, home, "check")
    assert checked.stdout.count("Connection refused") == 3, checked


@pytest.mark.plain
def test_the_documented_commands_install_the_skill_and_update_it(run):
    page = ROOT / "container" / "skill" / "SKILL.md"
    name, = re.findall(r"^name: (.*)$", page.read_text(), re.M)
    commands = re.findall(r"^ +(mkdir -p ~/\.claude.*|rm -rf ~/\.claude.*|cp .*container/skill .*)$", TELEMETRY.read_text(), re.M)
    skill = run(*commands, *commands) / ".claude/skills" / name
    assert [path.name for path in skill.iterdir()] == ["SKILL.md"] and (skill / "SKILL.md").read_text() == page.read_text()


@pytest.mark.parametrize("scope", ["user", "managed"])
def test_an_authority_in_the_documented_settings_counts_for_check_and_for_claude_code(developer, scope):
    text, users, managed = re.search(r"`(.*NODE_EXTRA_CA_CERTS.*)` in `(.*)`, or .* in\s+`(.*)`\.", TELEMETRY.read_text()).groups()
    assert users == "~/.claude/settings.json"
    shell = {"NODE_EXTRA_CA_CERTS": ""}

    def telemetry(command, *words):
        return developer.run("ostiary", "telemetry", command, "--scope", scope, *words, uid=0 if scope == "managed" else AGENT, env=shell)
    connected = telemetry("connect", "--endpoint", f"https://{HOST}:4318", "--header-file", HEADER)
    assert connected.status == 0, connected
    refused = telemetry("check")
    assert refused.stdout.count("certificate is refused") == 3, refused
    settings = json.loads(text.replace("/etc/company.pem", "/etc/authority.pem"))
    if scope == "user":
        there = json.loads(developer.settings())
        there["env"] |= settings["env"]
        developer.machine.write(SETTINGS, json.dumps(there), owner=AGENT)
    else:
        developer.machine.write(managed, json.dumps(settings))
    checked = telemetry("check")
    assert checked.stdout.count(": taken by ") == 3, checked
    developer.internet.start_over(api.say("done"))
    said = developer.run("claude", "-p", "go on", env=shell | {"CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "20000"})
    assert (said.status, said.stdout) == (0, "done\n"), said
    eventually(lambda: "claude_code.llm_request" in developer.arrived("traces"), f"the session arrives: {developer.collector.log()}")
