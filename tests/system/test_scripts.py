"""Every script prints its purpose with --help, and does nothing else."""

import subprocess

import pytest

from support.project import ROOT

SCRIPTS = sorted(path for path in (ROOT / "scripts").glob("*") if path.is_file() and path.name != "lib.sh")


@pytest.fixture
def run_tests(tmp_path):
    """Runs scripts/test in a tree whose programs only record that they ran."""
    for path in ("scripts/test", "scripts/lib.sh"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text())
    record = f"#!/bin/sh\necho \"$0 $*\" >>{tmp_path}/ran\necho 'test cases: 5 passed'\n"
    for path in ("scripts/setup", "scripts/build", "scripts/test", "build/tests/unit/unit_tests", "tests/observability/build"):
        program = tmp_path / path
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            program.write_text(record)
        program.chmod(0o755)
    for suite in ("fuzz", "system", "container", "observability"):
        (tmp_path / "tests" / suite).mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / suite / f"test_{suite}.py").write_text(f"def test_{suite}(): pass\ndef test_other(): pass\n")

    def run(*arguments):
        done = subprocess.run([tmp_path / "scripts" / "test", *arguments], capture_output=True, text=True, timeout=60)
        ran = [line.removeprefix(f"{tmp_path}/").rstrip() for line in (tmp_path / "ran").read_text().splitlines()]
        assert done.returncode == 0, done
        return done.stdout.splitlines()[-1], ran
    return run


def test_arguments_of_the_test_script_select_tests_without_the_unit_tests(run_tests):
    # "test_system" also names the module of both system tests.
    assert run_tests("-k", "test_system") == ("2 passed, 0 failed, 0 skipped", ["scripts/setup", "scripts/build"])


def test_only_the_observability_tests_build_a_collector(run_tests):
    said, ran = run_tests("--observability")
    assert (said, ran) == ("2 passed, 0 failed, 0 skipped",
                           ["scripts/setup observability", "scripts/build program", "tests/observability/build"])


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
