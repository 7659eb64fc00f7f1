"""The command line: its forms, and the exit statuses."""

import re
import signal

import pytest

from support.project import ROOT
from support.capabilities import without_capability
from support.refusal import refusal
from support.rootfs import AGENT

COMMANDS = ["run", "plan", "exec", "env"]
CONFIGURATION = ROOT / "docs" / "configuration.md"
FLAGS = re.findall(r"^\| `(--[a-z-]+)", CONFIGURATION.read_text(), re.M) if CONFIGURATION.exists() else []
OFF = {"OSTIARY_GATE": "off"}


@pytest.fixture
def claude(sandbox):
    sandbox.script("/opt/bin/claude", 'echo "a fake claude, told: $*"')
    return sandbox


def test_version_prints_the_version(sandbox):
    result = sandbox.run("--version")
    assert result.status == 0
    assert re.fullmatch(r"ostiary \d+\.\d+\.\d+\n", result.stdout)


def test_help_lists_every_command(sandbox):
    result = sandbox.run("--help")
    assert result.status == 0
    for command in COMMANDS:
        assert re.search(rf"^ *(ostiary )?{command}\b", result.stdout, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_own_help(sandbox, command):
    result = sandbox.run(command, "--help")
    assert result.status == 0
    assert f"ostiary {command}" in result.stdout


@pytest.mark.parametrize("command", [*COMMANDS, "status", "presets"])
def test_the_usage_of_a_command_is_as_documented(sandbox, command):
    form, = re.findall(rf"^\| `(ostiary {command}[^`]*)`", CONFIGURATION.read_text(), re.M)
    assert f"Usage: {form.replace('…', '...')}\n" in sandbox.run(command, "--help").stdout


def test_help_of_run_lists_every_documented_flag(sandbox):
    assert FLAGS, "docs/configuration.md lists no flag"
    said = sandbox.run("run", "--help").stdout
    assert [flag for flag in FLAGS if flag not in said] == []


def test_help_needs_no_root(sandbox):
    assert sandbox.run("--help", uid=1000).status == 0
    assert sandbox.run("--version", uid=1000).status == 0


def test_a_program_runs_without_a_command(claude):
    assert claude.run("claude", "-p", "hi", env=OFF).stdout == "a fake claude, told: -p hi\n"


def test_without_arguments_claude_runs(claude):
    result = claude.run(env=OFF)
    assert (result.status, result.stdout) == (0, "a fake claude, told: \n")


def test_run_without_a_program_runs_claude(claude):
    assert claude.run("run", "--gate", "off").stdout == "a fake claude, told: \n"


def test_flags_before_the_program_are_ostiarys(sandbox):
    assert sandbox.run("--gate", "off", "--user", "agent", "id", "-un").stdout == "agent\n"
    assert sandbox.run("--gate=off", "--user=agent", "id", "-un").stdout == "agent\n"


def test_flags_after_the_program_are_the_programs(claude):
    result = claude.run("--gate", "off", "claude", "--user", "nobody", "--version", "--", "-p")
    assert result.stdout == "a fake claude, told: --user nobody --version -- -p\n"


def test_flags_after_the_program_of_run_are_the_programs(claude):
    assert claude.run("run", "--gate", "off", "claude", "--help").stdout == "a fake claude, told: --help\n"


def test_run_runs_a_program_that_has_the_name_of_a_command(sandbox):
    result = sandbox.boot("env", env={"SIGN": "of env"})
    assert "SIGN=of env\n" in result.stdout


@pytest.mark.parametrize("arguments", [
    ["--no-such-flag", "true"],
    ["run", "--no-such-flag", "--", "true"],
    ["plan", "--no-such-flag"],
    ["env", "--no-such-flag"],
    ["exec", "--no-such-flag", "--", "true"],
    ["run", "--user"],
    ["run", "--grace"],
    ["exec"],
])
def test_a_usage_error_ends_with_status_64(sandbox, arguments):
    line = refusal(sandbox.run(*arguments, env=OFF), 64)
    if "--no-such-flag" in arguments:
        assert "--no-such-flag" in line


def test_a_missing_policy_file_ends_with_status_66(sandbox):
    assert "/no/such.json" in refusal(sandbox.boot("true", flags=["--policy", "/no/such.json"]), 66)


def test_a_gate_without_its_capability_ends_with_status_77_and_names_the_flag(sandbox):
    result = sandbox.run("run", "--gate", "on", "--", "touch", "/work/started",
                         prepare=without_capability("NET_ADMIN"))
    assert result.status == 77, result
    assert b"--cap-add=NET_ADMIN" in result.err
    assert not sandbox.exists("/work/started")


def test_running_without_root_ends_with_status_77(sandbox):
    assert "root" in refusal(sandbox.boot("true", uid=1000), 77)


def test_an_unknown_user_ends_with_status_78(sandbox):
    assert "nobody-of-that-name" in refusal(sandbox.boot("true", flags=["--user", "nobody-of-that-name"]), 78)


def test_an_unknown_ostiary_variable_ends_with_status_78(sandbox):
    assert "OSTIARY_GRAZE" in refusal(sandbox.boot("true", env={"OSTIARY_GRAZE": "3"}), 78)


@pytest.mark.parametrize("command", ["/etc/passwd", "/etc", "/opt/bin/unmarked"])
def test_a_program_that_is_not_executable_ends_with_status_126(sandbox, command):
    sandbox.write("/opt/bin/unmarked", "#!/bin/sh\n")
    result = sandbox.boot(command)
    assert result.status == 126 and command in result.stderr, result


@pytest.mark.parametrize("command", ["no-such-command", "/no/such/command"])
def test_a_missing_program_ends_with_status_127(sandbox, command):
    result = sandbox.boot(command)
    assert result.status == 127 and command in result.stderr, result


@pytest.mark.parametrize("command", ["no-such-command", "/no/such/command", "no/such/command"])
def test_a_missing_program_is_reported_before_anything_is_done(sandbox, command):
    result = sandbox.boot(command, flags=["--prepare-claude", "--workdir", "/work/new"])
    assert "install it" in result.stderr.splitlines()[-1], result
    assert not sandbox.exists("/work/new")


def test_the_error_says_where_the_program_was_searched(sandbox):
    assert "PATH, which is /opt/bin:" in sandbox.boot("no-such-command").stderr


@pytest.mark.parametrize("arguments, status, meant", [
    (["rnu", "--", "true"], 64, "ostiary run"), (["pln"], 64, "ostiary plan"), (["hlep"], 64, "ostiary --help"),
    (["version"], 64, "ostiary --version"), (["--user", "agent", "plan"], 127, "ostiary plan")])
def test_the_error_for_a_mistyped_or_misplaced_command_names_the_one_meant(sandbox, arguments, status, meant):
    result = sandbox.run(*arguments, env=OFF)
    assert result.status == status and result.stderr.rstrip().endswith(meant), result


@pytest.mark.parametrize("word", ["check", "pln"])
def test_the_error_for_an_unknown_first_word_lists_the_commands_and_not_the_path(sandbox, word):
    line = refusal(sandbox.run(word, env=OFF), 64)
    assert line.startswith(f'ostiary: error: "{word}" is neither a command of ostiary (run, plan, exec,'), line
    assert "/opt/bin" not in line, line


@pytest.mark.parametrize("words", [["run"], []])
def test_help_as_a_command_is_the_flag(sandbox, words):
    result = sandbox.run("help", *words)
    assert (result.status, result.stdout) == (0, sandbox.run(*words, "--help").stdout), result


def test_a_program_without_its_interpreter_is_not_reported_as_missing(sandbox):
    sandbox.write("/opt/bin/unrunnable", "#!/no/such/interpreter\n", mode=0o755)
    result = sandbox.boot("unrunnable")
    assert result.status == 127 and "interpreter" in result.stderr, result


def test_a_program_that_only_the_agent_can_see_runs(sandbox):
    sandbox.mkdir("/home/agent", mode=0o700, owner=AGENT)
    sandbox.write("/home/agent/program", "#!/bin/sh\necho ran\n", mode=0o755, owner=AGENT)
    result = sandbox.boot("/home/agent/program", flags=["--user", "agent"], prepare=without_capability("DAC_OVERRIDE"))
    assert result.stdout == "ran\n", result


@pytest.mark.parametrize("directory", ["/no/such", "/etc/passwd"])
def test_an_invalid_work_directory_is_reported_before_anything_is_done(sandbox, directory):
    sandbox.script("/opt/bin/hook", "touch /work/hooked")
    result = sandbox.boot("true", flags=["--workdir", directory, "--auth-hook", "/opt/bin/hook"])
    assert result.status == 78 and "--workdir" in result.stderr, result
    assert "auth hook" not in result.stderr, result


@pytest.mark.parametrize("pid_1", [True, False])
@pytest.mark.parametrize("status", [0, 1, 64, 78, 255])
def test_ostiary_ends_with_the_agents_status(sandbox, status, pid_1):
    assert sandbox.boot("sh", "-c", f"exit {status}", pid_1=pid_1).status == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_ostiary_ends_with_128_plus_the_signal_that_ended_the_agent(sandbox, number):
    assert sandbox.boot("sh", "-c", f"kill -{int(number)} $$").status == 128 + number


def test_one_line_says_that_there_is_no_gate(sandbox):
    lines = sandbox.boot("true", flags=["--user", "agent"]).stderr.splitlines()
    assert len([line for line in lines if "gate" in line and "off" in line.lower()]) == 1
