"""The program under test in namespaces and a root directory of its own. There is no link to the
Internet: see support/container.py."""

import fcntl
import json
import os
import signal
import termios
import traceback

from support import namespaces
from support.execution import execute, parse_environment
from support.project import ROOT
from support.rootfs import Rootfs
from support.session import Session

PR_SET_PDEATHSIG = 1
AGENTS = ROOT / "tests" / "system" / "agents"
OSTIARY = "/opt/bin/ostiary"


class Sandbox(Rootfs):
    """Each run has new namespaces. The files stay."""

    def __init__(self, path, binary):
        super().__init__(path, binary)
        self._sessions = []

    # For the tests --------------------------------------------------------------------------------

    def run(self, *arguments, stdin=b"", **how):
        """Runs ostiary with these arguments, and waits for its end."""
        session = self.start(*arguments, stdin=stdin, **how)
        return session.wait()

    def boot(self, *command, flags=(), **how):
        """Runs `ostiary run --gate off [flags] -- command`, and waits for its end."""
        return self.run("run", "--gate", "off", *flags, "--", *command, **how)

    def start(self, *arguments, **how):
        return self.launch(OSTIARY, *arguments, **how)

    def start_boot(self, *command, flags=(), **how):
        return self.start("run", "--gate", "off", *flags, "--", *command, **how)

    def plan(self, *arguments, **how):
        """The plan that `ostiary plan --json` prints."""
        result = self.run("plan", "--json", *arguments, **how)
        assert result.status == 0, result
        return json.loads(result.out)

    def beside(self, session, *command, **how):
        """Runs another command in the namespaces of a running session, as `docker exec` does, and
        waits for its end."""
        return self.start_beside(session, *command, **how).wait()

    def start_beside(self, session, *command, **how):
        return self.launch(*command, beside=session, **how)

    def agent_environment(self, *flags, **how):
        """The agent's environment when it starts, as a dict."""
        result = self.boot("cat", "/proc/self/environ", flags=flags, **how)
        assert result.status == 0, result
        return parse_environment(result.out)

    def policy(self, value, path="/etc/ostiary/policy.json"):
        self.write(path, value if isinstance(value, str) else json.dumps(value))

    def script(self, path, text):
        self.write(path, f"#!/bin/sh\n{text}\n", mode=0o755)

    def agent_command(self, name):
        """The command that runs tests/system/agents/<name>.py."""
        self.write(f"/opt/agents/{name}.py", (AGENTS / f"{name}.py").read_bytes())
        return ["/usr/bin/python3", "-IS", f"/opt/agents/{name}.py"]

    # Implementation -------------------------------------------------------------------------------

    def launch(self, *command, env=None, stdin=None, tty=False, pid_1=True, uid=0, cwd="/", beside=None,
               keep_fds=(), prepare=lambda: None):
        """Starts a command in new namespaces, or in those of the session `beside`.

        env: see support.execution
        stdin: bytes to read; None for a pipe that Session.send writes to
        tty: stdin, stdout and stderr are a new terminal
        pid_1: False starts the command below a plain process 1, which neither forwards signals nor
        reaps orphans
        uid: the user that starts the command
        prepare: a function that the child calls right before it executes the command
        """
        ours, theirs = _terminal() if tty else _pipes(stdin)
        pid = namespaces.fork_into_namespaces_of(beside.pidfd) if beside else namespaces.fork_into_new_namespaces()
        if pid == 0:
            try:
                namespaces.call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
                _restore_signals_that_python_ignores()
                if not beside:
                    self.enter()
                _become_child(theirs, tty)
                os.chdir(cwd)
                for fd in keep_fds:
                    os.set_inheritable(fd, True)
                if not pid_1:
                    _continue_in_child()
                prepare()
                if uid:
                    os.setgroups([])
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
                execute(command, env)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(125)
        for fd in set(theirs):
            os.close(fd)
        session = Session(pid, *ours, direct=pid_1)
        self._sessions.append(session)
        return session

    def end(self):
        for session in reversed(self._sessions):
            session.end()


def _restore_signals_that_python_ignores():
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def _continue_in_child():
    child = os.fork()
    if child:
        os.closerange(0, 1024)  # only the program holds the pipes or the terminal
        _, status = os.waitpid(child, 0)
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _become_child(stdio, tty):
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    if tty:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _terminal():
    master, slave = os.openpty()
    return (master, None, master), (slave, slave, slave)


def _pipes(stdin):
    out, out_theirs = os.pipe()
    err, err_theirs = os.pipe()
    if stdin is None:
        in_theirs, in_ours = os.pipe()
    else:
        in_theirs, in_ours = os.memfd_create("stdin"), None
        os.write(in_theirs, stdin)
        os.lseek(in_theirs, 0, os.SEEK_SET)
    return (out, err, in_ours), (in_theirs, out_theirs, err_theirs)
