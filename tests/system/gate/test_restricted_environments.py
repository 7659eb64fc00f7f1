"""Restricted environments: few descriptors, and a /proc that shows only processes."""

import resource

import pytest

from support.namespaces import only_processes_in_proc
from support.sandbox import OSTIARY


def descriptors(number):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@pytest.fixture
def flags(who):
    return ["--user", "agent"] if who == "agent" else []


@pytest.mark.parametrize("number", [5, 8, 20, 63])
@pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "not process 1"])
def test_too_few_descriptors_give_one_line_that_names_the_limit(new_container, flags, number, pid_1):
    container = new_container()
    result = container.boot("true", flags=flags, prepare=descriptors(number), pid_1=pid_1)
    assert result.status == 69 and len(result.stderr.splitlines()) == 1, result
    assert f"the limit of open files is {number}" in result.stderr and "exec" not in result.stderr
    assert container.tables() == []


def test_64_descriptors_are_enough(new_container, flags):
    assert new_container().boot("true", flags=flags, prepare=descriptors(64)).status == 0


def test_a_session_without_free_descriptors_does_not_report_the_boot_as_ended(container, agent):
    for number in (3, 4, 5):
        result = container.beside(agent.session, "/usr/bin/python3", "-IS", "-c",
                                  "import os, resource, sys\n"
                                  f"resource.setrlimit(resource.RLIMIT_NOFILE, ({number}, {number}))\n"
                                  f"os.execv({OSTIARY!r}, [{OSTIARY!r}, 'exec', '--', 'true'])")
        assert "has ended" not in result.stderr, result


def test_a_proc_without_network_files_is_enough(new_container, flags):
    result = new_container().boot("true", flags=flags, prepare=only_processes_in_proc, pid_1=False)
    assert result.status == 0, result


def test_if_proc_does_not_show_whose_network_this_is_one_line_says_so(new_container, flags):
    """Process 1 has no other process whose network it could compare."""
    container = new_container()
    result = container.boot("true", flags=flags, prepare=only_processes_in_proc)
    assert result.status == 69 and "without /proc/sys" in result.stderr.splitlines()[-1], result
    assert container.tables() == []
