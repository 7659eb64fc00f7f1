"""docs/telemetry.md: its commands install the program and the skill."""

import os
import re
import shutil
import subprocess

import pytest

from support.project import ROOT

pytestmark = pytest.mark.plain

TELEMETRY = ROOT / "docs" / "telemetry.md"


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


def test_the_documented_commands_install_the_program(run):
    if not shutil.which("patchelf"):
        pytest.skip("there is no patchelf: install it for scripts/bundle")
    block, = re.findall(r"^    \./scripts/setup build\n(?:    .*\n)+", TELEMETRY.read_text(), re.M)
    stack = "container/stack/stack"
    home = run(f"printf '#!/bin/sh\\nexit 69\\n' >{stack}", f"chmod +x {stack}", block)

    def telemetry(*words):
        return subprocess.run([home / ".local/bin/ostiary", "telemetry", *words], env={"HOME": str(home)},
                              capture_output=True, text=True)
    assert telemetry("connect", "--endpoint", "http://127.0.0.1:9").returncode == 0
    checked = telemetry("check")
    assert checked.stdout.count("Connection refused") == 3, checked  # so ostiary-relay runs
    assert "/.local/lib/ostiary/share/ostiary/stack/stack" in telemetry("local").stderr


def test_the_documented_commands_install_the_skill(run):
    page = ROOT / "container" / "skill" / "SKILL.md"
    name, = re.findall(r"^name: (.*)$", page.read_text(), re.M)
    home = run(*re.findall(r"^ +(mkdir -p ~/\.claude.*|cp .*container/skill .*)$", TELEMETRY.read_text(), re.M))
    assert (home / ".claude/skills" / name / "SKILL.md").read_text() == page.read_text()
