"""A process of the agent's user traces the agent's first process. The kernel reports the end of a
traced process to its tracer first, and not to the keeper."""

import signal
import time

from support.landlock import without_landlock

TRACE = """
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
for process in filter(str.isdigit, os.listdir("/proc")):
    words = open(f"/proc/{process}/cmdline").read().split(chr(0))
    is_the_agent = int(process) != os.getpid() and any("driven" in word for word in words[:3]) and "ostiary" not in words[0]
    if is_the_agent and libc.ptrace(PTRACE_SEIZE, int(process), 0, 0) == 0:
        value = True
"""


def test_the_boot_ends_within_the_grace_although_the_agent_is_traced(new_container):
    container = new_container()
    agent = container.start_agent("--grace", "1", prepare=without_landlock)  # which forbids it to a session
    session = container.start_process_beside(agent, "/opt/bin/ostiary", "exec", "--")
    traced = session.python(TRACE)
    assert traced.get("answer"), traced
    begin = time.monotonic()
    agent.session.signal(signal.SIGTERM)
    session.session.wait(patience=20)  # its end is ours to take note of, and process 1 waits for it
    ended = agent.session.wait(patience=20)
    assert ended.status == 137, ended
    assert "another process traces it" in ended.stderr
    assert time.monotonic() - begin < 25
