"""The state of the container after ostiary has ended."""

import json
import os
import signal

import pytest

from support import namespaces
from support.behaviours import host
from support.internet import ALLOWED, RESOLVER, UNLISTED
from support.waiting import eventually

ORIGINAL = f"# as the runtime wrote it\nnameserver {RESOLVER[4]}\nsearch corp.example\noptions ndots:2 timeout:1\n"
OSTIARY = "/opt/bin/ostiary"
ALWAYS, NEVER = ["--keep-rules", "always"], ["--keep-rules", "never"]


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    container = new_container()
    container.write("/etc/resolv.conf", ORIGINAL)
    return container


def leave(agent):
    agent.session.close_stdin()
    return agent.session.wait()


@pytest.mark.parametrize("keep, kept", [([], True), (ALWAYS, True), (NEVER, False)],
                         ids=["default", "always", "never"])
def test_the_rules_stay_if_the_network_ends_with_ostiary(container, who, keep, kept):
    leave(container.start_agent(*keep, who=who))
    assert bool(container.rules()) == kept


@pytest.mark.parametrize("keep, kept", [([], False), (ALWAYS, True), (NEVER, False)],
                         ids=["default", "always", "never"])
def test_the_rules_are_removed_if_the_network_outlives_ostiary(container, who, keep, kept):
    """As under `ip netns exec`, or beside another init: process 1 is not ostiary."""
    leave(container.start_agent(*keep, who=who, pid_1=False))
    assert bool(container.rules()) == kept


OTEL_ENV = "/run/ostiary/otel.env"
SETTINGS = "/etc/claude-code/managed-settings.d/50-ostiary.json"
TELEMETRY = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://203.0.113.9:4318"}


def left_files(container):
    return [path for path in (OTEL_ENV, SETTINGS) if container.exists(path)]


def test_the_files_of_telemetry_stay_in_a_container_that_ends_with_ostiary(container, who):
    leave(container.start_agent(who=who, env=TELEMETRY))
    assert left_files(container) == [OTEL_ENV, SETTINGS]


@pytest.mark.parametrize("flags", [[], ALWAYS, ["--scope", "user"]], ids=["container", "rules kept", "user scope"])
def test_the_files_of_telemetry_are_removed_where_the_machine_lives_on(container, flags):
    container.write("/etc/claude-code/managed-settings.d/10-theirs.json", "{}")
    agent = container.start_agent(*flags, env=TELEMETRY, pid_1=False)
    assert left_files(container) == [OTEL_ENV, SETTINGS]
    leave(agent)
    assert left_files(container) == []
    assert container.exists("/etc/claude-code/managed-settings.d/10-theirs.json")
    assert json.loads(container.run("status").stdout)["running"] is False


def test_the_files_of_telemetry_are_removed_without_the_gate(new_container):
    container = new_container()
    assert container.boot("true", flags=["--gate", "off"], env=TELEMETRY, pid_1=False).status == 0
    assert left_files(container) == []


def test_the_files_of_telemetry_are_removed_after_a_signal_and_after_a_boot_that_failed(container, who):
    agent = container.start_agent(who=who, env=TELEMETRY, pid_1=False)
    agent.session.signal(signal.SIGTERM)
    agent.session.wait()
    assert left_files(container) == []
    failed = container.boot("/no/such/program", env=TELEMETRY, pid_1=False)
    assert failed.status != 0 and left_files(container) == [], failed


def test_settings_stay_while_a_session_may_be_left_and_the_token_does_not(container, who):
    agent = container.start_agent(who=who, env=TELEMETRY, pid_1=False)
    joined = container.beside(agent.session, OSTIARY, "exec", "--", "true", prepare=container.link.network.enter)
    assert joined.status == 0, joined
    leave(agent)
    assert left_files(container) == [SETTINGS]


def test_a_session_after_the_rules_were_removed_is_refused(internet, container, who):
    leave(container.start_agent(who=who, pid_1=False))
    internet.forget()
    late = container.run("exec", "--", "bash", "-c", f": >/dev/tcp/{UNLISTED[4]}/443", pid_1=False)
    assert late.status == 66, late
    assert internet.packets() == []


def test_resolv_conf_names_the_gate_while_it_runs_and_is_restored_afterwards(container, who):
    agent = container.start_agent(who=who)
    text = container.read("/etc/resolv.conf")
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver")]
    assert servers and set(servers) <= {"127.0.0.1", "::1"}
    assert "\nsearch corp.example\n" in text and "\noptions ndots:2 timeout:1\n" in text
    leave(agent)
    assert container.read("/etc/resolv.conf") == ORIGINAL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_resolv_conf_is_restored_if_a_signal_ends_ostiary(container, who, number):
    agent = container.start_agent(who=who)
    agent.session.signal(number)
    agent.session.wait()
    assert container.read("/etc/resolv.conf") == ORIGINAL


def test_resolv_conf_is_written_in_place(container, who):
    """In a container it is a bind mount. A new file would not be visible there."""
    number = container.at("/etc/resolv.conf").stat().st_ino
    agent = container.start_agent(who=who)
    assert container.at("/etc/resolv.conf").stat().st_ino == number
    leave(agent)
    assert container.at("/etc/resolv.conf").stat().st_ino == number


def test_a_read_only_resolv_conf_does_not_matter(internet, container, who):
    """The redirect alone is enough."""
    container.make_read_only("/etc/resolv.conf")
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert container.read("/etc/resolv.conf") == ORIGINAL
    assert ALLOWED[4] in agent.look_up("allowed.example")["addresses"]
    assert leave(agent).status == 0


def test_without_resolv_conf_an_upstream_in_a_flag_is_enough(internet, container, who):
    container.at("/etc/resolv.conf").unlink()
    agent = container.start_agent("--allow", "allowed.example", "--upstream", RESOLVER[4], who=who)
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert leave(agent).status == 0


@pytest.mark.parametrize("text", ["nameserver 203.0.113.66\n", "", "# Written by ostiary. The original lines follow, each "
                                  "after '#ostiary '.\n#ostiary nameserver 203.0.113.66\n"],
                         ids=["another server", "nothing", "what looks like ours"])
def test_an_agent_that_rewrites_resolv_conf_does_not_choose_the_next_boots_upstream(container, who, text):
    agent = container.start_agent(who=who)
    outcome = agent.python(f"open('/etc/resolv.conf', 'w').write({text!r})")
    assert outcome["reached"] == (who == "root")
    leave(agent)
    assert container.read("/etc/resolv.conf") == ORIGINAL


@pytest.fixture
def small(container):
    """resolv.conf is in a file system of 16 pages. The agent may write in it, at /small."""
    container.mkdir("/small", mode=0o1777)
    directory, file = container.at("/small"), container.at("/etc/resolv.conf")
    namespaces.call("mount", "tmpfs", directory, "tmpfs", 0, b"size=64k,mode=1777")
    (directory / "resolv.conf").write_text(ORIGINAL)
    namespaces.bind(directory / "resolv.conf", file)
    yield directory
    namespaces.unmount(file)
    namespaces.unmount(directory)


def fill(directory):
    with pytest.raises(OSError, match="No space left"), open(directory / "fill", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


FILL_UNTIL_KILLED = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
full, told = os.pipe()
if os.fork() == 0:
    file = os.open("/small/fill", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        try:
            os.write(file, bytes(4096))
        except OSError:
            os.write(told, b"!") if told else None
            told = 0
os.read(full, 1)
"""


def test_a_full_file_system_does_not_empty_resolv_conf(container, small, who):
    """An agent that takes every free block, until it is killed."""
    container.write("/opt/fill.py", FILL_UNTIL_KILLED)
    flags = ["--user", "agent"] if who == "agent" else []
    container.boot("python3", "/opt/fill.py", flags=flags)
    assert container.read("/etc/resolv.conf") == ORIGINAL
    (small / "fill").unlink()
    assert container.boot("true", flags=flags).status == 0


def test_a_file_system_that_is_full_before_the_boot_keeps_its_resolv_conf(internet, container, small, who):
    """The gate's lines take no further page."""
    fill(small)
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert "nameserver 127.0.0.1" in container.read("/etc/resolv.conf")
    assert agent.look_up("allowed.example")["addresses"]
    leave(agent)
    assert container.read("/etc/resolv.conf") == ORIGINAL


def test_without_space_for_the_gates_lines_resolv_conf_stays_as_it_is(internet, container, small, who):
    """The redirect alone is enough."""
    original = ORIGINAL + "#" * (4090 - len(ORIGINAL)) + "\n"
    container.write("/etc/resolv.conf", original)
    fill(small)
    agent = container.start_agent("--allow", "allowed.example", who=who)
    assert container.read("/etc/resolv.conf") == original
    assert agent.look_up("allowed.example")["addresses"]
    assert "the redirect alone serves: /etc/resolv.conf: No space left on device" in leave(agent).stderr
    assert container.read("/etc/resolv.conf") == original


def test_a_symlink_that_the_agent_puts_there_is_not_followed(container, who):
    container.write("/etc/precious", "precious\n", mode=0o600)
    agent = container.start_agent(who=who)
    agent.python("os.unlink('/etc/resolv.conf'); os.symlink('/etc/precious', '/etc/resolv.conf')")
    leave(agent)
    assert container.read("/etc/precious") == "precious\n"


def test_the_gate_ends_after_the_agent(internet, container, who):
    """A last telemetry export needs DNS and the network until the agent has ended."""
    script = ("import signal, socket, sys, time\n"
              "def last(*_):\n"
              "    time.sleep(0.3)\n"
              "    socket.create_connection((socket.gethostbyname('allowed.example'), 443), 1)\n"
              "    sys.exit(7)\n"
              "signal.signal(signal.SIGTERM, last)\n"
              "print('ready', flush=True)\n"
              "while True: signal.pause()\n")
    flags = ["--allow", "allowed.example", *(["--user", "agent"] if who == "agent" else [])]
    session = container.start_boot("/usr/bin/python3", "-IS", "-c", script, flags=flags)
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 7


def test_ostiary_ends_with_the_agents_status(container, who):
    flags = ["--user", "agent"] if who == "agent" else []
    assert container.boot("sh", "-c", "exit 41", flags=flags).status == 41
    assert container.boot("sh", "-c", "kill -KILL $$", flags=flags).status == 137


def test_no_process_is_left(container, who):
    session = container.start_agent(who=who, pid_1=False).session
    gate = container.gate(session)
    session.close_stdin()
    session.wait()
    eventually(lambda: not os.path.exists(f"/proc/{gate}"), "the gate is gone")


def test_a_failed_boot_says_that_the_rules_stay_and_how_to_remove_them(internet, new_container):
    container = new_container()
    container.policy({"allow": [{"host": "missing.example", "required": True}]})
    result = container.boot("true", pid_1=False)
    assert result.status == 69 and container.rules(), result
    stay, error = result.stderr.splitlines()[-2:]
    assert "the rules stay (the boot failed): nft delete table inet ostiary" in stay, result
    assert "missing.example" in error, result


def test_a_boot_that_failed_before_the_rules_does_not_mention_them(new_container):
    container = new_container()
    result = container.boot("true", flags=["--workdir", "/no/such"], pid_1=False)
    assert result.status == 78 and not container.rules() and "rules stay" not in result.stderr, result
