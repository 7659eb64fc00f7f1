"""The privileges and the knowledge of the gate's process: the minimum."""

import json
import os
import re
import signal

import pytest

from support import processes
from support.behaviours import host
from support.capabilities import names_of
from support.internet import ALLOWED
from support.journal import JOURNAL
from support.telemetry import COLLECTOR, MARKER, MODULE, TRIO, shows_a_secret

SECRETS = TRIO | {"ANTHROPIC_API_KEY": "sk-ant-" + MARKER, "GITHUB_TOKEN": MARKER, "CODER_AGENT_TOKEN": MARKER}


@pytest.fixture(scope="module")
def container(shared_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container):
    agent = container.start_agent("--allow", "allowed.example", env=SECRETS)
    agent.asks_for("allowed.example")
    return agent


@pytest.fixture
def gate(container, agent):
    return container.gate(agent.session)


def test_the_gate_has_its_own_user_and_group(container, agent, gate):
    uids = set(processes.field(gate, "Uid").split())
    assert len(uids) == 1 and uids == set(processes.field(gate, "Gid").split())
    assert not processes.field(gate, "Groups").split()
    others = {uid for pid in processes.within(agent.session) if pid != gate
              for uid in processes.field(pid, "Uid").split()}
    assert not uids & others
    assert f":{uids.pop()}:" not in container.read("/etc/passwd")


def test_the_gate_has_one_capability_and_cannot_get_another(gate):
    assert names_of(processes.field(gate, "CapEff")) == {"NET_ADMIN"}
    assert names_of(processes.field(gate, "CapPrm")) == {"NET_ADMIN"}
    assert names_of(processes.field(gate, "CapBnd")) <= {"NET_ADMIN"}
    assert names_of(processes.field(gate, "CapInh")) == names_of(processes.field(gate, "CapAmb")) == set()


def test_the_gate_has_no_new_privs_and_a_filter(gate):
    assert processes.field(gate, "NoNewPrivs") == "1"
    assert processes.field(gate, "Seccomp") == "2"


def test_a_process_of_the_gates_user_cannot_read_its_proc_files(gate):
    """The gate is not dumpable: root owns the files in /proc/PID."""
    assert os.stat(f"/proc/{gate}/environ").st_uid == 0 and os.stat(f"/proc/{gate}/mem").st_uid == 0


def test_the_gate_leaves_no_core_dump(gate):
    limits = open(f"/proc/{gate}/limits").read()
    assert re.search(r"Max core file size\s+0\s+0\s", limits) or os.stat(f"/proc/{gate}/environ").st_uid == 0


def test_the_gates_environment_is_empty(gate):
    assert open(f"/proc/{gate}/environ", "rb").read().strip(b"\0") == b""


def test_the_gates_arguments_contain_no_secret(gate):
    assert not shows_a_secret(open(f"/proc/{gate}/cmdline").read())


def memory_of(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r(w|-)..? ", line)
            if match and "[vvar" not in line and "[vsyscall]" not in line:
                begin, end = int(match[1], 16), int(match[2], 16)
                try:
                    memory.seek(begin)
                    yield memory.read(end - begin)
                except OSError:
                    pass


def test_the_gates_memory_contains_no_secret(container, agent, gate):
    pieces = list(memory_of(gate))
    assert any(b"allowed.example" in piece for piece in pieces)  # this was the gate's memory
    assert not any(MARKER.encode() in piece for piece in pieces)


def test_the_gates_descriptors_are_sockets_and_the_journal(container, gate):
    links = [os.readlink(f"/proc/{gate}/fd/{fd}") for fd in os.listdir(f"/proc/{gate}/fd")]
    files = [link for link in links if link.startswith("/") and link != "/dev/null"]
    assert [link for link in files if not link.endswith("/audit.jsonl") and "memfd" not in link] == []


def test_journal_log_and_readable_state_contain_no_secret(container, agent):
    assert not shows_a_secret(container.read(JOURNAL))
    agent.asks("unlisted.example")
    agent.session._pump(0)
    assert not shows_a_secret(agent.session.err.data.decode())


def test_a_crash_of_the_gate_shows_no_secret(container, agent, gate):
    os.kill(gate, signal.SIGABRT)
    container.await_another_gate(agent.session, gate)
    agent.session._pump(0)
    assert not shows_a_secret(agent.session.err.data.decode() + container.read(JOURNAL))


@pytest.mark.parametrize("env", [TRIO, COLLECTOR, {"OSTIARY_TELEMETRY": json.dumps(MODULE)}],
                         ids=["trio", "collector", "module"])
def test_only_agent_and_keeper_have_a_secret_in_their_environment(new_container, env):
    container = new_container()
    agent = container.start_agent(env=env)
    allowed = {agent.session.program, container.agent_of(agent.session)}
    for pid in processes.within(agent.session):
        if pid not in allowed:
            assert not shows_a_secret(open(f"/proc/{pid}/environ").read())
        assert not shows_a_secret(open(f"/proc/{pid}/cmdline").read())
