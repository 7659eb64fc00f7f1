"""A session at a pseudo-terminal: job control, Ctrl-C, Ctrl-Z, resizing."""

import os
import signal

import pytest

from support import processes
from support.waiting import eventually

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"
EVERYWHERE = pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "subreaper"])
BOOT = "ostiary run --gate off --log-level error -- "
ECHO = "echo hello; while read line; do echo got:$line; done; echo bye; exit 4"


@pytest.fixture
def shell(sandbox):
    """An interactive shell with job control, at a terminal."""
    session = sandbox.launch("bash", "--norc", "--noprofile", "-i", tty=True, env={"PS1": "ready> ", "TERM": "dumb"})
    session.read_until("ready> ")
    return session


@EVERYWHERE
def test_the_agent_has_the_terminal(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("terminal_report"), tty=True, pid_1=pid_1)
    session.read_until("own group True")
    session.read_until("foreground True")


def test_the_agent_of_another_user_has_the_terminal(sandbox):
    session = sandbox.start_boot("sh", "-c", "tty && : </dev/tty && echo usable", tty=True, flags=["--user", "agent"])
    session.read_until("/dev/pts/")
    session.read_until("usable")
    assert session.wait().status == 0


@EVERYWHERE
def test_a_resize_reaches_the_agent(sandbox, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("terminal_report"), tty=True, pid_1=pid_1)
    session.read_until(r"size \d+x\d+")
    for rows, columns in ((40, 100), (25, 80)):
        session.resize(rows, columns)
        session.read_until(f"size {rows}x{columns}")


@EVERYWHERE
@pytest.mark.parametrize("key, number", [(CTRL_C, signal.SIGINT), (CTRL_BACKSLASH, signal.SIGQUIT)])
def test_a_key_that_sends_a_signal_ends_the_agent_and_gives_the_status(sandbox, key, number, pid_1):
    session = sandbox.start_boot("sh", "-c", "ulimit -c 0; echo ready; exec sleep 1000", tty=True, pid_1=pid_1)
    session.read_until("ready")
    session.send(key)
    assert session.wait().status == 128 + number


@EVERYWHERE
def test_the_agent_can_handle_ctrl_c(sandbox, pid_1):
    script = "trap 'echo caught' INT; echo ready; until read line; do :; done; echo got:$line; exit 5"
    session = sandbox.start_boot("bash", "-c", script, tty=True, pid_1=pid_1)
    session.read_until("ready")
    session.send(CTRL_C)
    session.read_until("caught")
    session.send("more\n")
    session.read_until("got:more")
    assert session.wait().status == 5


def test_ctrl_c_does_not_start_the_grace_period(sandbox):
    """The terminal sends SIGINT to the agent, not to the keeper. An agent that ignores it stays."""
    session = sandbox.start_boot("sh", "-c", "trap '' INT; echo ready; read line; exit 5", tty=True,
                                 flags=["--grace", "0"])
    session.read_until("ready")
    session.send(CTRL_C)
    session.read_until(r"\^C")
    session.send("end\n")
    assert session.wait().status == 5


@EVERYWHERE
def test_ctrl_d_ends_the_agents_input(sandbox, pid_1):
    session = sandbox.start_boot("sh", "-c", "echo ready; cat; echo over; exit 3", tty=True, pid_1=pid_1)
    session.read_until("ready")
    session.send(CTRL_D)
    session.read_until("over")
    assert session.wait().status == 3


@EVERYWHERE
def test_closing_the_terminal_ends_the_session(sandbox, pid_1):
    session = sandbox.start_boot("sh", "-c", "echo ready; read line; exit 5", tty=True, pid_1=pid_1)
    session.read_until("ready")
    session.hang_up()
    assert session.wait().status != 0


@EVERYWHERE
def test_ctrl_z_without_a_parent_shell_does_not_hang(sandbox, pid_1):
    session = sandbox.start_boot("sh", "-c", ECHO, tty=True, pid_1=pid_1)
    session.read_until("hello")
    session.send(CTRL_Z)
    session.read_until(r"\^Z")
    session.send("still there\n")
    session.read_until("got:still there")
    session.send(CTRL_D)
    assert session.wait().status == 4


def test_a_stopped_agent_of_process_1_continues_at_sigcont(sandbox):
    session = sandbox.start_boot("sh", "-c", "echo ready; read line; exit 5")
    session.read_until("ready")
    agent = session.agent
    os.kill(agent, signal.SIGSTOP)
    session.signal(signal.SIGCONT)
    session.send("end\n")
    assert session.wait().status == 5


def test_a_shell_as_agent_has_job_control(sandbox):
    session = sandbox.start_boot("bash", "--norc", "--noprofile", "-i", tty=True,
                                 env={"PS1": "ready> ", "TERM": "dumb"}, flags=["--user", "agent"])
    session.read_until("ready> ")
    assert b"no job control" not in session.out.data
    session.send("sleep 1000\n")
    eventually(lambda: processes.named(session, "sleep"), "the job runs")
    session.send(CTRL_Z)
    session.read_until("Stopped")
    for pid in processes.named(session, "sleep"):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes.named(session, "sleep"), "the shell has seen its job's end")
    session.send("exit 6\n")
    assert session.wait().status == 6


# Started by a shell with job control


def test_ctrl_z_stops_the_whole_job_and_fg_continues_it(shell):
    shell.send(f"{BOOT} sh -c '{ECHO}'\n")
    shell.read_until("^hello")
    for word in ("one", "two", "three"):
        shell.send(f"{word}\n")
        shell.read_until(f"got:{word}")
        shell.send(CTRL_Z)
        shell.read_until("Stopped")
        shell.read_until("ready> ")
        shell.send("echo shell $((40+2))\n")
        shell.read_until("shell 42")
        shell.send("fg\n")
        shell.read_until("ostiary run")
    shell.send("last\n")
    shell.read_until("got:last")
    shell.send(CTRL_D)
    shell.read_until("bye")
    shell.read_until("ready> ")
    shell.send("echo status $?\n")
    shell.read_until("status 4")


def test_bg_continues_a_stopped_job_in_the_background(shell, sandbox):
    os.mkfifo(sandbox.at("/tmp/go"))
    shell.send(BOOT + "sh -c 'echo ready; read line </tmp/go; echo over; exit 4'\n")
    shell.read_until("^ready")
    shell.send(CTRL_Z)
    shell.read_until("Stopped")
    shell.send("bg; wait %1; echo status $?\n")
    shell.read_until("&")
    sandbox.at("/tmp/go").write_text("go\n")
    shell.read_until("over")
    shell.read_until("status 4")


def test_the_shell_gets_the_terminal_back_when_the_job_ends(shell):
    shell.send(BOOT + "true\n")
    shell.read_until("ready> ")
    shell.send("read -p 'say: ' word; echo said $word\n")
    shell.read_until("say: ")
    shell.send("something\n")
    shell.read_until("said something")


def test_ctrl_c_ends_the_job_and_not_the_shell(shell):
    shell.send(BOOT + "sh -c 'echo ready; exec sleep 1000'\n")
    shell.read_until("^ready")
    shell.send(CTRL_C)
    shell.read_until("ready> ")
    shell.send("echo status $?\n")
    shell.read_until("status 130")


def test_a_job_started_in_the_background_does_not_take_the_terminal(shell):
    shell.send(BOOT + "sh -c 'touch /tmp/started; sleep 1000' &\n")
    shell.send("while ! test -e /tmp/started; do sleep 0.01; done; echo shell $((40+2))\n")
    shell.read_until("shell 42")
    shell.send("kill %1; wait %1; echo status $?\n")
    shell.read_until("status 143")


# Without a terminal


@EVERYWHERE
def test_the_end_of_input_reaches_the_agent(sandbox, pid_1):
    session = sandbox.start_boot("sh", "-c", "cat; echo over; exit 3", pid_1=pid_1)
    session.send("one\n")
    session.read_until("one")
    session.close_stdin()
    session.read_until("over")
    assert session.wait().status == 3


def test_the_agent_gets_all_input(sandbox):
    data = bytes(range(256)) * 1000
    assert sandbox.boot("cat", stdin=data).out == data


# The parent becomes the tracer, and sees each signal of this process as a stop.
TRACED = """
import ctypes, os
assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0
os.kill(os.getpid(), 15)
"""
BESIDE = """
import signal, sys, time
signal.signal(15, lambda *_: print("caught", flush=True))
print("besi" "de", flush=True)
time.sleep(3)
"""


def test_a_signal_that_the_agent_sends_itself_under_a_tracer_reaches_no_other_process(sandbox, shell):
    sandbox.write("/opt/traced.py", TRACED)
    sandbox.write("/opt/beside.py", BESIDE)
    shell.send("/usr/bin/python3 -IS /opt/beside.py > /tmp/beside.log | "
               f"{BOOT.replace('--gate off', '--gate off --user agent')}/usr/bin/python3 -IS /opt/traced.py; echo st''atus:$?\n")
    shell.read_until("status:")
    assert sandbox.read("/tmp/beside.log") == "beside\n"


INJECT = """
import fcntl, termios
for c in "echo injec''ted\\n":
    fcntl.ioctl(0, termios.TIOCSTI, c.encode())
"""


def test_the_agent_cannot_type_into_the_shell_that_started_ostiary(sandbox, shell):
    """That shell belongs to root, and is not confined."""
    sandbox.write("/opt/inject.py", INJECT)
    shell.send(f"{BOOT.replace('--gate off', '--gate off --user agent')}/usr/bin/python3 -IS /opt/inject.py; echo st''atus:$?\n")
    shell.read_until("PermissionError")
    shell.read_until("status:1")
    shell.send("echo the e''nd\n")
    shell.read_until("the end")
    assert b"injected" not in shell.out.data
