"""The keeper adopts orphans and reaps them, as process 1 and as a subreaper."""

import signal

import pytest

from support import processes
from support.waiting import eventually

EVERYWHERE = pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "subreaper"])


def states(session):
    return [processes.field(pid, "State") or "gone" for pid in processes.within(session)]


def alone_with_the_agent(session):
    """Whether only the keeper, the agent, and a separate process 1 are left."""
    return len(processes.within(session)) == len({session.pid, session.program, session.agent})


def finish(session):
    session.send("end\n")
    assert session.wait().status == 9


@EVERYWHERE
def test_a_thousand_orphans_are_reaped(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("orphans"), "1000", pid_1=pid_1)
    session.read_until("made")
    eventually(lambda: alone_with_the_agent(session), "every orphan has been reaped")
    finish(session)


@EVERYWHERE
def test_orphans_are_the_keepers_children(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("orphans"), "3", "held", pid_1=pid_1)
    session.read_until("made")
    eventually(lambda: len(processes.children(session.program)) == 4, "the orphans have come to the keeper")
    session.send("let go\n")
    session.read_until("let go")
    eventually(lambda: alone_with_the_agent(session), "every orphan has been reaped")
    finish(session)


@EVERYWHERE
def test_all_children_that_one_sigchld_stands_for_are_reaped(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("orphans"), "200", "held", pid_1=pid_1)
    session.read_until("made")
    session.signal(signal.SIGSTOP)
    eventually(lambda: processes.field(session.program, "State").startswith("T"), "the keeper has stopped")
    session.send("let go\n")
    session.read_until("let go")
    eventually(lambda: sum(state.startswith("Z") for state in states(session)) == 200, "all orphans are zombies")
    session.signal(signal.SIGCONT)
    eventually(lambda: alone_with_the_agent(session), "every orphan has been reaped")
    finish(session)


@EVERYWHERE
def test_the_agents_end_is_noticed_if_one_sigchld_stands_for_several_children(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("orphans"), "50", "held", pid_1=pid_1)
    session.read_until("made")
    agent = session.agent
    session.signal(signal.SIGSTOP)
    session.send("let go\nend\n")
    eventually(lambda: processes.field(agent, "State").startswith("Z"), "the agent has ended")
    session.signal(signal.SIGCONT)
    assert session.wait().status == 9


@EVERYWHERE
def test_an_orphans_end_is_not_mistaken_for_the_agents(sandbox, pid_1):
    session = sandbox.start_boot("sh", "-c", "(sh -c 'exit 33' &); echo ready; read line; exit 4", pid_1=pid_1)
    session.read_until("ready")
    eventually(lambda: alone_with_the_agent(session), "the orphan has been reaped")
    assert session.running()
    session.send("end\n")
    assert session.wait().status == 4


def test_a_child_that_the_keeper_did_not_start_is_reaped(sandbox):
    """A program that executes ostiary may leave it children, such as a shell script's background
    jobs."""
    session = sandbox.launch(*sandbox.agent_command("leaves_a_zombie"), "ostiary", "run", "--gate", "off", "--",
                             "sh", "-c", "echo ready; read x")
    session.read_until("ready")
    eventually(lambda: len(processes.within(session)) == 2, "the stranger has been reaped")
    session.close_stdin()
    assert session.wait().status == 1
