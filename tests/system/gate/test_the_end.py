"""What is left when the program has ended."""

import os
import signal

import pytest

from support.behaviours import host
from support.waiting import eventually
from support.world import ALLOWED, RESOLVER, UNLISTED

ORIGINAL = f"# as the runtime wrote it\nnameserver {RESOLVER[4]}\nsearch corp.example\noptions ndots:2 timeout:1\n"
ALWAYS, NEVER = ["--keep-rules", "always"], ["--keep-rules", "never"]


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    home = fresh_gatehouse()
    home.write("/etc/resolv.conf", ORIGINAL)
    return home


def leave(visitor):
    visitor.session.close_stdin()
    return visitor.session.wait()


@pytest.mark.parametrize("keep, kept", [([], True), (ALWAYS, True), (NEVER, False)],
                         ids=["default", "always", "never"])
def test_the_rules_stay_where_the_network_ends_with_us(home, who, keep, kept):
    leave(home.visit(*keep, who=who))
    assert bool(home.rules()) == kept


@pytest.mark.parametrize("keep, kept", [([], False), (ALWAYS, True), (NEVER, False)],
                         ids=["default", "always", "never"])
def test_the_rules_go_where_the_network_outlives_us(home, who, keep, kept):
    """As under `ip netns exec`, or beside an init of somebody else's: process 1 is not ours."""
    leave(home.visit(*keep, who=who, pid_1=False))
    assert bool(home.rules()) == kept


def test_a_session_that_comes_after_the_rules_have_gone_is_refused(world, home, who):
    leave(home.visit(who=who, pid_1=False))
    world.forget()
    late = home.run("exec", "--", "bash", "-c", f": >/dev/tcp/{UNLISTED[4]}/443", pid_1=False)
    assert late.status == 66, late
    assert world.packets() == []


def test_the_resolver_is_the_gate_while_it_runs_and_then_what_it_was(home, who):
    visitor = home.visit(who=who)
    text = home.read("/etc/resolv.conf")
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver")]
    assert servers and set(servers) <= {"127.0.0.1", "::1"}
    assert "\nsearch corp.example\n" in text and "\noptions ndots:2 timeout:1\n" in text
    leave(visitor)
    assert home.read("/etc/resolv.conf") == ORIGINAL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_put_back_when_a_signal_ends_us(home, who, number):
    visitor = home.visit(who=who)
    visitor.session.signal(number)
    visitor.session.wait()
    assert home.read("/etc/resolv.conf") == ORIGINAL


def test_it_is_written_in_place(home, who):
    """In a container it is a bind mount: another file in its place would be seen by nobody."""
    number = home.at("/etc/resolv.conf").stat().st_ino
    visitor = home.visit(who=who)
    assert home.at("/etc/resolv.conf").stat().st_ino == number
    leave(visitor)
    assert home.at("/etc/resolv.conf").stat().st_ino == number


def test_one_that_cannot_be_written_is_no_obstacle(world, home, who):
    """The redirect serves alone."""
    home.make_read_only("/etc/resolv.conf")
    visitor = home.visit("--allow", "allowed.example", who=who)
    assert home.read("/etc/resolv.conf") == ORIGINAL
    assert ALLOWED[4] in visitor.look_up("allowed.example")["addresses"]
    assert leave(visitor).status == 0


def test_none_at_all_is_no_obstacle_where_an_upstream_is_named(world, home, who):
    home.at("/etc/resolv.conf").unlink()
    visitor = home.visit("--allow", "allowed.example", "--upstream", RESOLVER[4], who=who)
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert leave(visitor).status == 0


@pytest.mark.parametrize("text", ["nameserver 203.0.113.66\n", "", "# The gate of ostiary answers here; what was here "
                                  "before is behind #ostiary.\n#ostiary nameserver 203.0.113.66\n"],
                         ids=["another server", "nothing", "what looks like ours"])
def test_an_agent_that_rewrites_it_does_not_choose_the_next_boots_resolver(home, who, text):
    visitor = home.visit(who=who)
    outcome = visitor.python(f"open('/etc/resolv.conf', 'w').write({text!r})")
    assert outcome["reached"] == (who == "root")
    leave(visitor)
    assert home.read("/etc/resolv.conf") == ORIGINAL


def test_an_agent_that_puts_a_link_in_its_place_has_nothing_written_through_it(home, who):
    home.write("/etc/precious", "precious\n", mode=0o600)
    visitor = home.visit(who=who)
    visitor.python("os.unlink('/etc/resolv.conf'); os.symlink('/etc/precious', '/etc/resolv.conf')")
    leave(visitor)
    assert home.read("/etc/precious") == "precious\n"


def test_the_gate_ends_with_the_agent_and_not_before(world, home, who):
    """A last export needs names and network until the agent has ended."""
    script = ("import signal, socket, sys, time\n"
              "def last(*_):\n"
              "    time.sleep(0.3)\n"
              f"    socket.create_connection((socket.gethostbyname('allowed.example'), 443), 1)\n"
              "    sys.exit(7)\n"
              "signal.signal(signal.SIGTERM, last)\n"
              "print('ready', flush=True)\n"
              "while True: signal.pause()\n")
    flags = ["--allow", "allowed.example", *(["--user", "agent"] if who == "agent" else [])]
    session = home.start_boot("/usr/bin/python3", "-IS", "-c", script, flags=flags)
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 7


def test_the_agents_status_is_ours(home, who):
    flags = ["--user", "agent"] if who == "agent" else []
    assert home.boot("sh", "-c", "exit 41", flags=flags).status == 41
    assert home.boot("sh", "-c", "kill -KILL $$", flags=flags).status == 137


def test_no_process_is_left(home, who):
    session = home.visit(who=who, pid_1=False).session
    gate = home.gate(session)
    session.close_stdin()
    session.wait()
    eventually(lambda: not os.path.exists(f"/proc/{gate}"), "the gate is gone")


def test_a_boot_that_failed_says_that_the_rules_stay_and_what_removes_them(world, fresh_gatehouse):
    home = fresh_gatehouse()
    home.policy({"allow": [{"host": "missing.example", "required": True}]})
    result = home.boot("true", pid_1=False)
    assert result.status == 69 and home.rules(), result
    stay, error = result.stderr.splitlines()[-2:]
    assert "the rules stay (the boot failed): nft delete table inet ostiary" in stay, result
    assert "missing.example" in error, result


def test_a_boot_that_failed_before_there_were_rules_does_not_speak_of_them(fresh_gatehouse):
    home = fresh_gatehouse()
    result = home.boot("true", flags=["--workdir", "/no/such"], pid_1=False)
    assert result.status == 78 and not home.rules() and "rules stay" not in result.stderr, result
