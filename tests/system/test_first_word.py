"""The first word is a command of ostiary's, or a program. What is neither is a mistake in usage, for anyone."""

import pytest

from support.rootfs import AGENT

COMMANDS = ["run", "plan", "exec", "env", "presets", "status"]


@pytest.mark.parametrize("uid", [0, AGENT])
@pytest.mark.parametrize("arguments", [["why", "x"], ["why"], ["wh"], ["Run"]], ids=" ".join)
def test_a_word_that_is_neither_is_64_with_the_list_of_commands(sandbox, arguments, uid):
    result = sandbox.run(*arguments, uid=uid)
    assert result.status == 64 and len(result.stderr.splitlines()) == 1, result
    assert f'"{arguments[0]}"' in result.stderr and ", ".join(COMMANDS) in result.stderr, result


@pytest.mark.parametrize("arguments, status", [(["true"], 0), (["false"], 1), (["sh", "-c", "exit 7"], 7), (["/bin/sh", "-c", "exit 8"], 8)],
                         ids=str)
def test_a_program_runs_as_an_entrypoint_runs_it(sandbox, arguments, status):
    assert sandbox.run(*arguments, env={"OSTIARY_GATE": "off"}).status == status


def test_a_program_in_the_agents_path_alone_is_one(sandbox):
    sandbox.write("/work/mine/program", "#!/bin/sh\nexit 9\n", mode=0o755)
    assert sandbox.run("program", env={"OSTIARY_GATE": "off", "PATH": "/work/mine:/bin:/usr/bin"}).status == 9


@pytest.mark.parametrize("arguments", [["run", "--", "why"], ["--gate", "off", "why"], ["--", "why"], ["/no/why"]], ids=" ".join)
def test_what_can_only_be_a_program_is_127(sandbox, arguments):
    result = sandbox.run(*arguments, env={"OSTIARY_GATE": "off"})
    assert result.status == 127, result
