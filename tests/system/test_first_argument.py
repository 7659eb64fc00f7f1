"""The first argument is a command of ostiary or a program. Otherwise it is a usage error, for
every user."""

import pytest

from support.rootfs import AGENT

COMMANDS = ["run", "plan", "exec", "env", "presets", "status"]


@pytest.mark.parametrize("uid", [0, AGENT])
@pytest.mark.parametrize("arguments", [["why", "x"], ["why"], ["wh"], ["Run"]], ids=" ".join)
def test_a_first_argument_that_is_neither_ends_with_status_64_and_the_list_of_commands(sandbox, arguments, uid):
    result = sandbox.run(*arguments, uid=uid)
    assert result.status == 64 and len(result.stderr.splitlines()) == 1, result
    assert f'"{arguments[0]}"' in result.stderr and ", ".join(COMMANDS) in result.stderr, result


@pytest.mark.parametrize("arguments, status", [(["true"], 0), (["false"], 1), (["sh", "-c", "exit 7"], 7), (["/bin/sh", "-c", "exit 8"], 8)],
                         ids=str)
def test_a_first_argument_that_is_a_program_runs(sandbox, arguments, status):
    assert sandbox.run(*arguments, env={"OSTIARY_GATE": "off"}).status == status


def test_a_program_that_is_only_in_the_agents_path_runs(sandbox):
    sandbox.write("/work/mine/program", "#!/bin/sh\nexit 9\n", mode=0o755)
    assert sandbox.run("program", env={"OSTIARY_GATE": "off", "PATH": "/work/mine:/bin:/usr/bin"}).status == 9


@pytest.mark.parametrize("arguments", [["run", "--", "why"], ["--gate", "off", "why"], ["--", "why"], ["/no/why"]], ids=" ".join)
def test_a_missing_program_after_flags_or_with_a_slash_ends_with_status_127(sandbox, arguments):
    result = sandbox.run(*arguments, env={"OSTIARY_GATE": "off"})
    assert result.status == 127, result
