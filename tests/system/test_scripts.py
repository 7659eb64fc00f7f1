"""Every script prints its purpose with --help, and does nothing else."""

import subprocess

import pytest

from support.project import ROOT

SCRIPTS = sorted(path for path in (ROOT / "scripts").glob("*") if path.is_file() and path.name != "lib.sh")


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_help_prints_the_scripts_purpose_and_does_nothing_else(script, flag, tmp_path):
    """PATH has only the programs that print."""
    for name in ("bash", "sed", "dirname", "basename", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([script, flag], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stderr == "", done
    first = script.read_text().split("\n")[1].strip('#" ')
    assert first in done.stdout and "set -euo" not in done.stdout, done.stdout
