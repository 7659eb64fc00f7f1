"""Where little is there: few descriptors, and a /proc that shows processes alone."""

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
def test_too_few_descriptors_are_one_line_that_names_the_limit(fresh_gatehouse, flags, number, pid_1):
    home = fresh_gatehouse()
    result = home.boot("true", flags=flags, prepare=descriptors(number), pid_1=pid_1)
    assert result.status == 69 and len(result.stderr.splitlines()) == 1, result
    assert f"the limit of open files is {number}" in result.stderr and "exec" not in result.stderr
    assert home.tables() == []


def test_the_descriptors_asked_for_suffice(fresh_gatehouse, flags):
    assert fresh_gatehouse().boot("true", flags=flags, prepare=descriptors(64)).status == 0


def test_a_session_without_a_descriptor_does_not_take_the_boot_for_ended(home, visitor):
    for number in (3, 4, 5):
        result = home.beside(visitor.session, "/usr/bin/python3", "-IS", "-c",
                             "import os, resource, sys\n"
                             f"resource.setrlimit(resource.RLIMIT_NOFILE, ({number}, {number}))\n"
                             f"os.execv({OSTIARY!r}, [{OSTIARY!r}, 'exec', '--', 'true'])")
        assert "has ended" not in result.stderr, result


def test_a_proc_without_the_networks_files_is_enough(fresh_gatehouse, flags):
    result = fresh_gatehouse().boot("true", flags=flags, prepare=only_processes_in_proc, pid_1=False)
    assert result.status == 0, result


def test_where_it_leaves_open_whose_network_this_is_the_line_says_so(fresh_gatehouse, flags):
    """Process 1 has no other process to compare its network with."""
    home = fresh_gatehouse()
    result = home.boot("true", flags=flags, prepare=only_processes_in_proc)
    assert result.status == 69 and "without /proc/sys" in result.stderr.splitlines()[-1], result
    assert home.tables() == []
