"""Two containers side by side, a container that starts again, and further sessions."""

import re

import pytest

from support.podman.outcomes import boot_of, outcomes_in, connection_attempts
from support.behaviours import addresses
from support.internet import ALLOWED, ANOTHER, UNLISTED

ONE, OTHER = "one.example.com", "other.example.com"
AGENT = ("--no-derive", "--user", "1000:1000")
OUT_OF_BOUNDS = 1 << 12 | 1 << 13 | 1 << 21  # NET_ADMIN, NET_RAW, SYS_ADMIN
PRIVILEGES = "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status"


@pytest.fixture
def names(internet):
    internet.upstream.name(ONE, addresses(ALLOWED[4]))
    internet.upstream.name(OTHER, addresses(ANOTHER[4]))


def test_two_containers_do_not_affect_each_other(image, new_container, internet, names):
    both = connection_attempts(("one", ONE, 443), ("other", OTHER, 443), ("unlisted", UNLISTED[4], 443))
    first = new_container(image, "run", *AGENT, "--allow", ONE, "--", "bash", "-c", "echo ready; exec sleep 600",
                          network=internet.attach((4,)))
    first.wait_for_line("ready")
    second = new_container(image, "run", *AGENT, "--allow", OTHER, "--", "bash", "-c", both, network=internet.attach((4,)))
    done = second.wait()
    assert outcomes_in(done.stdout) == {"one": False, "other": True, "unlisted": False}, done
    joined = first.exec("ostiary", "exec", "--", "bash", "-c", both)
    assert outcomes_in(joined.stdout) == {"one": True, "other": False, "unlisted": False}, joined
    assert {event["name"] for event in first.audit("deny") if event.get("name", "").endswith("example.com")} == {OTHER}
    assert {event["name"] for event in second.audit("deny") if event.get("name", "").endswith("example.com")} == {ONE}


@pytest.mark.parametrize("how", ["ended", "stopped", "killed"])
def test_a_container_that_starts_again_boots_in_the_same_way(image, new_container, internet, link, names, how):
    script = connection_attempts(("one", ONE, 443), ("other", OTHER, 443)) + PRIVILEGES + "\ncat /etc/resolv.conf\n"
    script += "echo ready\n" + ("" if how == "ended" else "exec sleep 600\n")
    container = new_container(image, "run", *AGENT, "--allow", ONE, "--", "bash", "-c", script, network=link)
    boots = []
    for _ in range(2):
        if boots:
            container.start()
        container.wait_for_line("ready", times=len(boots) + 1)
        if how == "stopped":
            container.stop()
        elif how == "killed":
            container.signal("KILL")
        boots.append(container.wait())
    first, second = boots
    assert outcomes_in(first.stdout) == outcomes_in(second.stdout) == {"one": True, "other": False}, boots
    assert first.status == second.status == {"ended": 0, "stopped": 143, "killed": 137}[how], boots
    assert boot_of(first) == boot_of(second)
    assert first.stderr == second.stderr
    assert _without_times(first.stdout) == _without_times(second.stdout)
    assert internet.stray_packets((ALLOWED[4], 443)) == []


def test_podman_restart_boots_in_the_same_way(image, new_container, link, names):
    container = new_container(image, "run", *AGENT, "--allow", ONE, "--", "bash", "-c",
                              connection_attempts(("one", ONE, 443), ("other", OTHER, 443)) + "echo ready\nexec sleep 600\n", network=link)
    container.wait_for_line("ready")
    before = container.exec("ostiary", "status")
    container.restart()
    container.wait_for_line("ready", times=2)
    after = container.exec("ostiary", "status")
    assert before.status == after.status == 0 and before.stdout == after.stdout, (before, after)
    joined = container.exec("ostiary", "exec", "--", "bash", "-c", connection_attempts(("one", ONE, 443), ("other", OTHER, 443)))
    assert outcomes_in(joined.stdout) == {"one": True, "other": False}, joined


def test_a_session_is_confined_as_the_agent_is(image, new_container, internet, link, names):
    script = connection_attempts(("one", ONE, 443), ("other", OTHER, 443), ("unlisted", UNLISTED[4], 443)) + PRIVILEGES + "\npwd; env | sort\n"
    container = new_container(image, "run", *AGENT, "--workdir", "/tmp", "--allow", ONE, "--",
                              "bash", "-c", script + "echo ready; exec sleep 600", network=link, env={"COLOUR": "blue"})
    container.wait_for_line("ready")
    first = container.logs().stdout.partition("ready")[0]
    internet.forget()
    joined = container.exec("ostiary", "exec", "--", "bash", "-c", script)
    assert joined.status == 0, joined
    assert outcomes_in(joined.stdout) == {"one": True, "other": False, "unlisted": False}, joined
    privileges = dict(re.findall(r"^(\w+):\s(.*)$", joined.stdout, re.M))
    assert privileges["Uid"].split() == ["1000"] * 4 and privileges["NoNewPrivs"] == "1", joined
    assert {int(privileges[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}, joined
    assert int(privileges["CapBnd"], 16) & OUT_OF_BOUNDS == 0, joined
    assert _without_times(joined.stdout) == _without_times(first)
    assert internet.stray_packets((ALLOWED[4], 443)) == []


def test_a_process_of_podman_exec_is_behind_the_same_rules(image, new_container, internet, link, names):
    """The rules belong to the network. The process keeps its privileges: docs/security.md."""
    container = new_container(image, "run", *AGENT, "--allow", ONE, "--", "bash", "-c", "echo ready; exec sleep 600",
                              network=link)
    container.wait_for_line("ready")
    internet.forget()
    joined = container.exec("bash", "-c", connection_attempts(("one", ONE, 443), ("other", OTHER, 443), ("unlisted", UNLISTED[4], 443)))
    assert outcomes_in(joined.stdout) == {"one": True, "other": False, "unlisted": False}, joined
    assert internet.stray_packets((ALLOWED[4], 443)) == []


def _without_times(text):
    return re.sub(r" [\d.]+$", "", text, flags=re.M)
