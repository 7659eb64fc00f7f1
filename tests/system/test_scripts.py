"""Every script prints its purpose with --help, and does nothing else."""

import subprocess

import pytest

from support.project import ROOT

SCRIPTS = sorted(path for path in (ROOT / "scripts").glob("*") if path.is_file() and path.name != "lib.sh")


def test_arguments_of_the_test_script_select_tests_without_the_unit_tests(tmp_path):
    """In a tree whose programs only record that they ran."""
    for path in ("scripts/test", "scripts/lib.sh"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    record = "#!/bin/sh\necho 'test cases: 5 passed'\n"
    for path in ("scripts/setup", "scripts/build", "scripts/test", "build/tests/unit/unit_tests"):
        program = tmp_path / path
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            program.write_text(record)
        program.chmod(0o755)
    for suite in ("fuzz", "system", "container"):
        (tmp_path / "tests" / suite).mkdir(parents=True)
        (tmp_path / "tests" / suite / f"test_{suite}.py").write_text(f"def test_{suite}(): pass\ndef test_other(): pass\n")
    done = subprocess.run([tmp_path / "scripts" / "test", "-k", "test_system"], capture_output=True, text=True, timeout=60)
    # "test_system" also names the module of both system tests.
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "2 passed, 0 failed, 0 skipped", done


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
