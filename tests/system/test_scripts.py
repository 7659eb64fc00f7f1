"""Every script says what it does when asked, and does nothing else."""

import subprocess

import pytest

from support.project import ROOT

SCRIPTS = sorted(path for path in (ROOT / "scripts").glob("*") if path.is_file() and path.name != "lib.sh")


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_it_tells_its_purpose_and_does_nothing(script, flag, tmp_path):
    """Without any program in the PATH but those that print."""
    for name in ("bash", "sed", "dirname", "basename", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([script, flag], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stderr == "", done
    first = script.read_text().split("\n")[1].strip('#" ')
    assert first in done.stdout and "set -euo" not in done.stdout, done.stdout
