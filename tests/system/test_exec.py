"""`ostiary exec`: a further session with the boot's identity, environment and confinement; for root only."""

import os
import stat

import pytest

from support.execution import parse_environment
from support.processes import parse_status
from support.refusal import refusal
from support.rootfs import AGENT
from support.telemetry import TRIO

SESSION = "/run/ostiary/session"
LOCK = "/run/ostiary/lock"
OSTIARY = "/opt/bin/ostiary"
SAME = ["Uid", "Gid", "Groups", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk", "SigIgn"]


@pytest.fixture
def booted(sandbox):
    """A boot that shows what its agent is and has, and stays."""
    def boot(*flags, **how):
        script = "cat /proc/self/status; echo ==; pwd; echo ==; env -0; echo ==; echo ready; read x"
        session = sandbox.start_boot("sh", "-c", script, flags=flags, **how)
        session.read_until("^ready")
        return session
    return boot


def execute(sandbox, session, *command, **how):
    return sandbox.beside(session, OSTIARY, "exec", "--", *command, **how)


@pytest.mark.parametrize("flags", [["--user", "agent"], ["--user", "4242:4343"], []], ids=["agent", "number", "root"])
def test_has_the_identity_and_the_confinement_of_the_boots_agent(sandbox, booted, flags):
    session = booted(*flags)
    agent = parse_status(session.out.data.decode())
    further = parse_status(execute(sandbox, session, "cat", "/proc/self/status").stdout)
    assert {name: further[name] for name in SAME} == {name: agent[name] for name in SAME}


def test_has_the_environment_and_the_directory_of_the_boots_agent(sandbox, booted):
    session = booted("--user", "agent", "--workdir", "/work", env=TRIO | {"ODD": "a\nb 'c' \\ \"d\""})
    agent = session.out.data.split(b"==\n")
    further = execute(sandbox, session, "sh", "-c", "pwd; echo ==; env -0", env={"STRAY": "1", "HOME": "/"})
    pwd, environment = further.out.split(b"==\n")
    assert pwd == agent[1] == b"/work\n"
    assert parse_environment(environment) == parse_environment(agent[2])


def test_keeps_the_terminal_of_whoever_asks(sandbox, booted):
    session = booted("--user", "agent")
    further = sandbox.start_beside(session, OSTIARY, "exec", "--", "bash", "--norc", "--noprofile", "-i", tty=True,
                                   env={"TERM": "vt220"})
    further.read_until(r"\$ ")
    further.send("echo term $TERM; tty; exit 5\n")
    further.read_until("term vt220")
    further.read_until("/dev/pts/")
    assert further.wait().status == 5
    assert b"no job control" not in further.out.data


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", 143)])
def test_ends_with_the_commands_status(sandbox, booted, script, status):
    """As a shell sees it: a signal's is the command's own, which took the place of ostiary."""
    session = booted("--user", "agent")
    result = sandbox.beside(session, "sh", "-c", f"ostiary exec -- sh -c '{script}'; echo $?")
    assert result.stdout == f"{status}\n"


def test_tells_what_it_cannot_execute(sandbox, booted):
    session = booted("--user", "agent")
    assert execute(sandbox, session, "no-such-command").status == 127
    assert execute(sandbox, session, "/etc/passwd").status == 126


def test_passes_input_and_output_through(sandbox, booted):
    session = booted("--user", "agent")
    result = execute(sandbox, session, "sh", "-c", "cat; echo err >&2", stdin=b"in\n")
    assert (result.stdout, result.stderr) == ("in\n", "err\n")


def test_closes_what_it_was_not_given(sandbox, booted):
    session = booted("--user", "agent")
    fd = os.open("/etc/passwd", os.O_RDONLY)
    try:
        script = f"test -e /proc/self/fd/{fd} && echo open || echo closed"
        assert execute(sandbox, session, "sh", "-c", script, keep_fds=[fd]).stdout == "closed\n"
    finally:
        os.close(fd)


def test_is_for_root_only(sandbox, booted):
    session = booted("--user", "agent")
    assert "root" in refusal(execute(sandbox, session, "true", uid=AGENT), 77)


def test_is_refused_to_the_agent_itself(sandbox, booted):
    session = booted("--user", "agent")
    assert execute(sandbox, session, OSTIARY, "exec", "--", "true").status == 77


def test_before_any_boot_it_is_66(sandbox):
    assert SESSION in refusal(sandbox.run("exec", "--", "true"), 66)


def test_after_the_boot_has_ended_it_is_66(sandbox):
    assert sandbox.boot("true", flags=["--user", "agent"]).status == 0
    assert "ostiary run" in refusal(sandbox.run("exec", "--", "touch", "/work/started"), 66)
    assert not sandbox.exists("/work/started") and not sandbox.exists(SESSION)


def test_a_session_that_a_killed_boot_left_is_not_joined(sandbox, booted):
    session = booted("--user", "agent")
    left = sandbox.at(SESSION).read_bytes()
    session.send("\n")
    session.wait()
    sandbox.at(SESSION).touch(mode=0o600)
    sandbox.at(SESSION).write_bytes(left)
    assert "has ended" in refusal(sandbox.run("exec", "--", "touch", "/work/started"), 66)
    assert not sandbox.exists("/work/started")


def test_the_boots_session_is_roots_secret(sandbox, booted):
    booted("--user", "agent", env=TRIO)
    status = sandbox.at(SESSION).lstat()
    assert stat.S_ISREG(status.st_mode) and (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o600)


def test_does_not_believe_a_session_that_is_the_agents(sandbox, booted):
    session = booted()  # whose agent is root
    os.chown(sandbox.at(SESSION), AGENT, AGENT)
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 77, 78) and result.stdout == "", result


def test_does_not_believe_a_session_behind_a_link(sandbox, booted):
    session = booted()
    sandbox.mkdir("/home/agent/run", owner=AGENT)
    os.rename(sandbox.at(SESSION), sandbox.at("/home/agent/run/session"))
    sandbox.symlink(SESSION, "/home/agent/run/session")
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 77, 78) and result.stdout == "", result


def test_a_pipe_in_place_of_the_lock_does_not_hold_it_up(sandbox, booted):
    session = booted()  # whose agent is root
    sandbox.at(LOCK).unlink()
    os.mkfifo(sandbox.at(LOCK), 0o600)
    assert "has ended" in refusal(execute(sandbox, session, "id", "-u"), 66)


@pytest.mark.parametrize("damage", [b"", b"\0" * 10, b"x" * 100_000, b"{}"], ids=["empty", "zeros", "long", "other"])
def test_a_damaged_session_is_refused(sandbox, booted, damage):
    session = booted("--user", "agent")
    sandbox.write(SESSION, damage, mode=0o600)
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 78) and result.stdout == "", result


def test_flags_of_the_command_are_the_commands(sandbox, booted):
    session = booted("--user", "agent")
    result = sandbox.beside(session, OSTIARY, "exec", "ls", "--version")
    assert result.status == 0 and "coreutils" in result.stdout


@pytest.mark.parametrize("flags", [["--user", "agent"], []], ids=["agent", "root"])
def test_a_program_that_is_not_there_is_told_as_run_tells_it(sandbox, booted, flags):
    """Whatever the agent may see of the directories in PATH."""
    sandbox.mkdir("/opt/hidden", mode=0o700)
    session = booted(*flags, env={"PATH": "/opt/hidden:/bin:/usr/bin"})
    result = execute(sandbox, session, "nosuch")
    assert result.status == 127 and 'there is no program "nosuch" in PATH, which is /opt/hidden:/bin' in result.stderr
