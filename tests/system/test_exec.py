"""`ostiary exec` starts a further session with the boot's identity, environment and confinement.
Only root can use it."""

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
    """A boot that prints its agent's identity and keeps running."""
    def boot(*flags, **how):
        script = "cat /proc/self/status; echo ==; pwd; echo ==; env -0; echo ==; echo ready; read x"
        session = sandbox.start_boot("sh", "-c", script, flags=flags, **how)
        session.read_until("^ready")
        return session
    return boot


def execute(sandbox, session, *command, **how):
    return sandbox.beside(session, OSTIARY, "exec", "--", *command, **how)


@pytest.mark.parametrize("flags", [["--user", "agent"], ["--user", "4242:4343"], []], ids=["agent", "number", "root"])
def test_a_session_has_the_agents_identity_and_confinement(sandbox, booted, flags):
    session = booted(*flags)
    agent = parse_status(session.out.data.decode())
    further = parse_status(execute(sandbox, session, "cat", "/proc/self/status").stdout)
    assert {name: further[name] for name in SAME} == {name: agent[name] for name in SAME}


def test_a_session_has_the_agents_environment_and_directory(sandbox, booted):
    session = booted("--user", "agent", "--workdir", "/work", env=TRIO | {"ODD": "a\nb 'c' \\ \"d\""})
    agent = session.out.data.split(b"==\n")
    further = execute(sandbox, session, "sh", "-c", "pwd; echo ==; env -0", env={"STRAY": "1", "HOME": "/"})
    pwd, environment = further.out.split(b"==\n")
    assert pwd == agent[1] == b"/work\n"
    assert parse_environment(environment) == parse_environment(agent[2])


def test_a_session_keeps_the_callers_terminal(sandbox, booted):
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
def test_exec_ends_with_the_commands_status(sandbox, booted, script, status):
    """As a shell sees it: ostiary executes the command in its own process, so a signal ends that
    process."""
    session = booted("--user", "agent")
    result = sandbox.beside(session, "sh", "-c", f"ostiary exec -- sh -c '{script}'; echo $?")
    assert result.stdout == f"{status}\n"


def test_a_command_that_cannot_be_executed_is_reported(sandbox, booted):
    session = booted("--user", "agent")
    assert execute(sandbox, session, "no-such-command").status == 127
    assert execute(sandbox, session, "/etc/passwd").status == 126


def test_input_and_output_pass_through(sandbox, booted):
    session = booted("--user", "agent")
    result = execute(sandbox, session, "sh", "-c", "cat; echo err >&2", stdin=b"in\n")
    assert (result.stdout, result.stderr) == ("in\n", "err\n")


def test_a_session_gets_only_the_standard_descriptors(sandbox, booted):
    session = booted("--user", "agent")
    fd = os.open("/etc/passwd", os.O_RDONLY)
    try:
        script = f"test -e /proc/self/fd/{fd} && echo open || echo closed"
        assert execute(sandbox, session, "sh", "-c", script, keep_fds=[fd]).stdout == "closed\n"
    finally:
        os.close(fd)


def test_only_root_can_use_exec(sandbox, booted):
    session = booted("--user", "agent")
    assert "root" in refusal(execute(sandbox, session, "true", uid=AGENT), 77)


def test_the_agent_cannot_use_exec(sandbox, booted):
    session = booted("--user", "agent")
    assert execute(sandbox, session, OSTIARY, "exec", "--", "true").status == 77


def test_exec_before_any_boot_ends_with_status_66(sandbox):
    assert SESSION in refusal(sandbox.run("exec", "--", "true"), 66)


def test_exec_after_the_boot_has_ended_ends_with_status_66(sandbox):
    assert sandbox.boot("true", flags=["--user", "agent"]).status == 0
    assert "ostiary run" in refusal(sandbox.run("exec", "--", "touch", "/work/started"), 66)
    assert not sandbox.exists("/work/started") and not sandbox.exists(SESSION)


def test_exec_does_not_join_the_session_of_a_killed_boot(sandbox, booted):
    session = booted("--user", "agent")
    left = sandbox.at(SESSION).read_bytes()
    session.send("\n")
    session.wait()
    sandbox.at(SESSION).touch(mode=0o600)
    sandbox.at(SESSION).write_bytes(left)
    assert "has ended" in refusal(sandbox.run("exec", "--", "touch", "/work/started"), 66)
    assert not sandbox.exists("/work/started")


def test_only_root_can_read_the_session_file(sandbox, booted):
    booted("--user", "agent", env=TRIO)
    status = sandbox.at(SESSION).lstat()
    assert stat.S_ISREG(status.st_mode) and (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o600)


def test_a_session_file_that_the_agent_owns_is_refused(sandbox, booted):
    session = booted()  # the agent is root
    os.chown(sandbox.at(SESSION), AGENT, AGENT)
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 77, 78) and result.stdout == "", result


def test_a_session_file_behind_a_symlink_is_refused(sandbox, booted):
    session = booted()
    sandbox.mkdir("/home/agent/run", owner=AGENT)
    os.rename(sandbox.at(SESSION), sandbox.at("/home/agent/run/session"))
    sandbox.symlink(SESSION, "/home/agent/run/session")
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 77, 78) and result.stdout == "", result


def test_a_pipe_instead_of_the_lock_does_not_block_exec(sandbox, booted):
    session = booted()  # the agent is root
    sandbox.at(LOCK).unlink()
    os.mkfifo(sandbox.at(LOCK), 0o600)
    assert "has ended" in refusal(execute(sandbox, session, "id", "-u"), 66)


@pytest.mark.parametrize("damage", [b"", b"\0" * 10, b"x" * 100_000, b"{}"], ids=["empty", "zeros", "long", "other"])
def test_a_damaged_session_file_is_refused(sandbox, booted, damage):
    session = booted("--user", "agent")
    sandbox.write(SESSION, damage, mode=0o600)
    result = execute(sandbox, session, "id", "-u")
    assert result.status in (66, 78) and result.stdout == "", result


def test_flags_after_the_command_are_the_commands(sandbox, booted):
    session = booted("--user", "agent")
    result = sandbox.beside(session, OSTIARY, "exec", "ls", "--version")
    assert result.status == 0 and "coreutils" in result.stdout


@pytest.mark.parametrize("flags", [["--user", "agent"], []], ids=["agent", "root"])
def test_exec_reports_a_missing_program_as_run_does(sandbox, booted, flags):
    """Independent of the permissions that the agent has on the directories in PATH."""
    sandbox.mkdir("/opt/hidden", mode=0o700)
    session = booted(*flags, env={"PATH": "/opt/hidden:/bin:/usr/bin"})
    result = execute(sandbox, session, "nosuch")
    assert result.status == 127 and 'there is no program "nosuch" in PATH, which is /opt/hidden:/bin' in result.stderr
