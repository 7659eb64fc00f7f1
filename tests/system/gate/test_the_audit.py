"""The audit's journal: each event is written as documented, and a problem with the journal does
not affect the gate."""

import calendar
import json
import os
import resource
import signal
import time

import pytest

from support import namespaces
from support.agent import GATE
from support.audit_document import documented, problem_with
from support.behaviours import addresses, host
from support.internet import ALLOWED, ANOTHER, UNLISTED
from support.journal import JOURNAL
from support.waiting import eventually

UIDS = {"agent": 1000, "root": 0}

MULTICAST_REPORT = 143  # ICMPv6


@pytest.fixture(scope="module", autouse=True)
def names(internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    internet.upstream.name("another.allowed.example", host(ANOTHER))


@pytest.fixture(scope="module")
def container(shared_container, who):
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", "--allow", "*.allowed.example", who=who)


def test_a_denied_name_is_audited(container, agent):
    agent.asks("unlisted.example", "TXT")
    container.eventually_audited("deny", kind="name", name="unlisted.example", type="TXT", why="no_rule", count=1)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_denied_packet_is_audited_with_destination_port_protocol_and_user(container, agent, who, transport, family):
    agent.connect(UNLISTED[family], 9000, transport)
    container.eventually_audited("deny", kind="packet", address=UNLISTED[family], port=9000, protocol=transport,
                                 uid=UIDS[who])


@pytest.mark.parametrize("scope", ["container", "user"])
def test_a_packet_that_is_denied_at_the_very_end_is_audited(new_container, scope):
    container = new_container()
    sends = f"import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('{UNLISTED[4]}', 9000)); s.send(b'x')"
    for times in range(1, 6):
        done = container.run("run", "--no-derive", "--user", "agent", "--scope", scope, "--", "/usr/bin/python3", "-c", sends)
        assert "Operation not permitted" in done.stderr, done
        denied = [each for each in container.audit("deny", kind="packet") if each.get("address") == UNLISTED[4]]
        assert sum(each["count"] for each in denied) == times


def test_a_denied_packet_is_audited_with_the_name_of_its_address(container, agent, family):
    agent.resolves("another.allowed.example", family)
    agent.connect(ANOTHER[family], 80)
    container.eventually_audited("deny", kind="packet", address=ANOTHER[family], port=80, name="another.allowed.example")


def test_the_first_answer_for_an_allowed_name_is_audited_once(internet, container, agent, who):
    name = f"once-{who}.allowed.example"
    internet.upstream.name(name, host(ALLOWED))
    for kind in ("A", "AAAA", "A"):
        agent.asks(name, kind)
    assert container.eventually_audited("allow", name=name)[0]["ports"] == ["443/tcp"]
    assert len(container.audit("allow", name=name)) == 1


def test_an_admission_is_audited(internet, container, agent, who, family):
    name = f"admitted{family}-{who}.allowed.example"
    where = {4: "198.51.100.91", 6: "2001:db8:91::1"}
    internet.upstream.name(name, host(where))
    agent.resolves(name, family)
    event = container.eventually_audited("admit", name=name, address=where[family], port=443, protocol="tcp")[0]
    assert 3600 <= event["seconds"] <= 3605


def test_a_boot_and_its_end_are_audited(new_container, who):
    container = new_container()
    flags = ["--user", "agent"] if who == "agent" else []
    container.boot("sh", "-c", "exit 5", flags=flags)
    events = [event["event"] for event in container.audit()]
    assert events[0] == "boot" and events[-1] == "exit"
    assert container.audit("boot")[0]["command"] == "sh" and container.audit("boot")[0]["user"] == who
    assert {event["phase"] for event in container.audit("phase")} == {1, 2}
    assert container.audit("exit")[0]["status"] == 5
    assert container.audit("exit")[0]["reason"] == "the agent ended with status 5"


def test_a_request_to_end_is_audited_with_the_agents_status(new_container):
    container = new_container()
    session = container.start_boot("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 7
    assert container.audit("exit")[0]["reason"] == "the agent ended with status 7, after SIGTERM from outside"


def test_phase_1_is_audited_with_the_results_for_the_plans_names(internet, new_container):
    container = new_container()
    internet.upstream.name("two.example", addresses("198.51.100.91", "198.51.100.92"))
    container.boot("true", flags=["--allow", "two.example,dead.example"])
    [first] = container.audit("phase", phase=1)
    assert (first["resolved"], first["unresolved"], first["addresses"]) == (1, 1, 2)
    assert 0 <= first["milliseconds"] < 10000
    [second] = container.audit("phase", phase=2)
    assert "resolved" not in second and 0 <= second["milliseconds"] < 10000


def test_denied_packets_of_the_self_test_are_not_audited_as_the_agents(new_container, who):
    container = new_container()
    agent = container.start_agent(who=who)
    # The kernel reports its multicast groups at any time. No process causes these packets.
    tested = [event for event in container.audit("deny") if event.get("icmp_type") != MULTICAST_REPORT]
    assert {event["kind"] for event in tested} == {"name", "packet"}
    assert {event.get("by") for event in tested} == {"self-test"}
    assert not agent.connect("169.254.169.254", 80)["reached"]
    agent.asks("unlisted.example")
    container.eventually_audited("deny", kind="name", name="unlisted.example")
    metadata = {"kind": "packet", "address": "169.254.169.254", "port": 80}
    assert eventually(lambda: [event for event in container.audit("deny", **metadata) if "by" not in event],
                      "the agent's own attempt is told")
    assert container.audit("deny", **metadata, by="self-test")
    assert "by" not in container.audit("deny", name="unlisted.example")[0]


def test_an_admission_of_a_port_range_is_audited_with_the_whole_range(internet, new_container):
    container = new_container()
    internet.upstream.name("range.example", host(ALLOWED))
    container.boot("true", flags=["--allow", "range.example:8000-8099/udp"])
    for event in container.audit("admit", name="range.example"):
        assert (event["port"], event["last_port"], event["protocol"]) == (8000, 8099, "udp")
    assert container.audit("admit", name="range.example")


def test_a_failed_boot_is_audited(new_container):
    container = new_container()
    container.policy({"allow": [{"host": "dead.example", "required": True}]})
    assert container.boot("true").status == 69
    [event] = container.audit("exit")
    assert event["status"] == 69 and "dead.example" in event["reason"]


def test_every_line_is_as_documented(container, agent):
    agent.asks("unlisted.example")
    events = documented()
    lines = container.audit()
    assert len({line["event"] for line in lines}) >= 6
    wrong = [(problem_with(line, events), line) for line in lines if problem_with(line, events)]
    assert wrong == []


def test_times_are_utc_and_in_order(container, agent):
    times = [line["time"] for line in container.audit()]
    newest = calendar.timegm(time.strptime(times[-1][:19], "%Y-%m-%dT%H:%M:%S"))
    assert abs(newest - time.time()) < 60


def test_lines_are_ascii_for_any_name(container, agent):
    """A name cannot forge a line or move a cursor."""
    labels = [b'a"},{"event":"boot"', b"line\nbreak", b"\x1b[2J", b"\xff\xfe", b"dot.dot", b"back\\slash", b"\0"]
    for label in labels:
        octets = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\4evil\0\0\1\0\1"
        agent.ask(octets.hex(), GATE[4])
    reported = lambda: [event for event in container.audit("deny") if "evil" in event.get("name", "")]
    eventually(lambda: len(reported()) >= len(labels), "all are reported")
    raw = container.at(JOURNAL).read_bytes()
    assert all(octet == 10 or 32 <= octet < 127 for octet in raw)
    assert all(json.loads(line) for line in raw.splitlines())


def test_a_flood_of_denied_names_is_counted_and_not_written_in_full(internet, new_container, who):
    container = new_container()
    agent = container.start_agent(who=who)
    already = sum(event["count"] for event in container.audit("deny"))
    agent.flood("same.unlisted.example%.0s", 5_000, GATE[4], patience=30)
    reported = lambda: sum(event["count"] for event in container.audit("deny", kind="name")) + \
        sum(event["count"] for event in container.audit("deny", kind="other"))
    eventually(lambda: reported() >= 5_000 and reported() - already <= 5_100, "all are counted")
    assert len(container.audit("deny")) < 1_000


def test_a_flood_of_denied_packets_is_counted(new_container, who, family):
    container = new_container()
    agent = container.start_agent(who=who)
    agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
for _ in range(3000):
    try: s.sendto(b"x", ({UNLISTED[family]!r}, 9999))
    except OSError: pass""", patience=20)
    counted = lambda: sum(event["count"] for event in container.audit("deny")
                          if event.get("address") == UNLISTED[family] or event["kind"] == "other")
    eventually(lambda: counted() >= 3_000, "all are counted")
    assert len(container.audit("deny")) < 600


# Destinations -------------------------------------------------------------------------------------

def test_only_root_can_read_the_journal(container, agent):
    status = container.at(JOURNAL).stat()
    assert status.st_uid == 0 and status.st_mode & 0o7777 == 0o640


def test_the_agent_cannot_write_the_journal(agent, who):
    if who == "root":
        pytest.skip("root can write root's file")
    assert not agent.python("open('/var/log/ostiary/audit.jsonl', 'a')")["reached"]


def test_the_audit_can_go_to_a_file(new_container):
    container = new_container()
    container.mkdir("/var/log/mine")
    assert container.boot("true", flags=["--audit", "/var/log/mine/journal"]).status == 0
    assert container.audit("exit", path="/var/log/mine/journal") and not container.exists("/var/log/ostiary")


def test_the_audit_can_go_to_standard_error(new_container):
    container = new_container()
    result = container.boot("true", flags=["--audit", "stderr"])
    events = [json.loads(line)["event"] for line in result.stderr.splitlines() if line.startswith("{")]
    assert events[0] == "boot" and events[-1] == "exit" and not container.exists("/var/log/ostiary")


def test_the_audit_can_be_switched_off(new_container):
    container = new_container()
    result = container.boot("true", flags=["--audit", "none"])
    assert result.status == 0 and "{" not in result.stderr and not container.exists("/var/log/ostiary")


def test_if_the_default_file_cannot_be_written_the_audit_goes_to_standard_error(new_container):
    container = new_container()
    container.make_read_only("/var/log")
    result = container.boot("true")
    assert result.status == 0 and '"event":"boot"' in result.stderr
    assert "--audit" in result.stderr


def test_a_chosen_file_that_cannot_be_written_is_an_error(new_container):
    container = new_container()
    container.make_read_only("/var/log")
    result = container.boot("touch", "/work/started", flags=["--audit", "/var/log/mine"])
    assert result.status in (66, 69, 77, 78) and not container.exists("/work/started"), result
    assert "/var/log/mine" in result.stderr.splitlines()[-1]


def test_a_symlink_instead_of_the_journal_is_not_followed(new_container):
    container = new_container()
    container.write("/etc/precious", "precious\n")
    container.mkdir("/var/log/ostiary")
    container.symlink(JOURNAL, "/etc/precious")
    container.boot("true")
    assert container.read("/etc/precious") == "precious\n"


# Problems -----------------------------------------------------------------------------------------

@pytest.fixture
def small_disk(new_container):
    """The journal's directory on a file system of 256 KiB."""
    container = new_container()
    container.mkdir("/var/log/ostiary")
    namespaces.call("mount", "tmpfs", container.at("/var/log/ostiary"), "tmpfs", 0, b"size=1m,mode=755")
    yield container
    container.end()
    namespaces.unmount(container.at("/var/log/ostiary"))


def is_whole(line):
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def test_a_full_disk_does_not_stop_the_gate(internet, small_disk, who):
    agent = small_disk.start_agent("--allow", "allowed.example", who=who)
    filler = small_disk.at("/var/log/ostiary/filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    for number in range(300):
        agent.asks(f"n{number}.unlisted.example")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert agent.connect(ALLOWED[4], 443)["reached"]
    assert not agent.connect(UNLISTED[4], 443)["reached"]
    filler.unlink()
    agent.asks("after.unlisted.example")
    eventually(lambda: "after.unlisted.example" in small_disk.read(JOURNAL), "the journal continues")
    lines = [line for line in small_disk.read(JOURNAL).splitlines(keepends=True) if line.endswith("\n")]
    whole = [json.loads(line) for line in lines if is_whole(line)]
    cut_short = len(lines) - len(whole)
    lost = sum(line["count"] for line in whole if line["event"] == "events_lost")
    assert 0 < lost and cut_short <= lost, "lines that were cut short are counted as well"


def test_a_file_at_its_size_limit_does_not_stop_the_gate(internet, new_container, who):
    """With ulimit -f, the kernel sends a signal."""
    container, most = new_container(), 20000
    agent = container.start_agent("--allow", "allowed.example", who=who,
                                  prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    gate = container.gate(agent.session)
    for number in range(300):
        agent.asks(f"n{number}.unlisted.example")
    eventually(lambda: container.at(JOURNAL).stat().st_size == most, "the file is full")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert container.gate(agent.session) == gate


def test_a_closed_pipe_does_not_stop_the_gate(internet, new_container, who):
    container = new_container()
    agent = container.start_agent("--allow", "allowed.example", "--audit", "stderr", who=who)
    agent.session.err.close()
    for number in range(20):
        agent.asks(f"n{number}.unlisted.example")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert agent.connect(ALLOWED[4], 443)["reached"]
    agent.session.close_stdin()
    assert agent.session.wait().status == 0


def test_a_pipe_without_a_reader_does_not_stop_the_gate(new_container, who):
    container = new_container()
    agent = container.start_agent("--allow", "allowed.example", "--audit", "stderr", who=who)
    flood = agent.flood("n%d.unlisted.example", 20_000, GATE[4], patience=60)
    assert flood == {"codes": {"3": 20_000}, "unanswered": 0}


def test_a_journal_that_was_deleted_or_truncated_does_not_stop_the_gate(new_container, who):
    container = new_container()
    agent = container.start_agent("--allow", "allowed.example", who=who)
    os.truncate(container.at(JOURNAL), 0)
    agent.asks("after.unlisted.example")
    container.eventually_audited("deny", name="after.unlisted.example")
    assert container.at(JOURNAL).read_bytes()[:1] == b"{"
    container.at(JOURNAL).unlink()
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]


def test_an_incomplete_line_in_the_file_does_not_stop_the_gate(new_container, who):
    """The keeper leaves such a line if the disk is full."""
    container = new_container()
    agent = container.start_agent("--allow", "allowed.example", who=who)
    gate = container.gate(agent.session)
    with container.at(JOURNAL).open("ab") as journal:
        journal.write(b'{"time":"2026-')
    agent.asks("after.unlisted.example")
    eventually(lambda: b"after.unlisted.example" in container.at(JOURNAL).read_bytes(), "the journal continues")
    assert container.gate(agent.session) == gate
    assert container.at(JOURNAL).read_bytes().count(b'{"time":"2026-\n{') == 1
