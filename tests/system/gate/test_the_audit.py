"""The journal: what happened, each line as documented; and nothing that befalls it befalls the gate."""

import calendar
import json
import os
import resource
import signal
import time

import pytest

from support import namespaces
from support.audit_document import documented, problem_with
from support.behaviours import addresses, host
from support.visitor import GATE
from support.waiting import eventually
from support.world import ALLOWED, ANOTHER, UNLISTED

JOURNAL = "/var/log/ostiary/audit.jsonl"
UIDS = {"agent": 1000, "root": 0}

MULTICAST_REPORT = 143  # ICMPv6


@pytest.fixture(scope="module", autouse=True)
def names(world):
    world.upstream.name("allowed.example", host(ALLOWED))
    world.upstream.name("another.allowed.example", host(ANOTHER))


@pytest.fixture(scope="module")
def home(new_gatehouse, who):
    return new_gatehouse()


@pytest.fixture(scope="module")
def visitor(home, who):
    return home.visit("--allow", "allowed.example", "--allow", "*.allowed.example", who=who)


def test_a_denied_name_is_named(home, visitor):
    visitor.asks("unlisted.example", "TXT")
    home.eventually_audited("deny", kind="name", name="unlisted.example", type="TXT", why="no_rule", count=1)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_denied_packet_is_told_with_destination_port_protocol_and_user(home, visitor, who, transport, family):
    visitor.connect(UNLISTED[family], 9000, transport)
    home.eventually_audited("deny", kind="packet", address=UNLISTED[family], port=9000, protocol=transport,
                            uid=UIDS[who])


@pytest.mark.parametrize("scope", ["container", "user"])
def test_what_is_denied_at_the_very_end_is_told(fresh_gatehouse, scope):
    home = fresh_gatehouse()
    sends = f"import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('{UNLISTED[4]}', 9000)); s.send(b'x')"
    for times in range(1, 6):
        done = home.run("run", "--no-derive", "--user", "agent", "--scope", scope, "--", "/usr/bin/python3", "-c", sends)
        assert "Operation not permitted" in done.stderr, done
        denied = [each for each in home.audit("deny", kind="packet") if each.get("address") == UNLISTED[4]]
        assert sum(each["count"] for each in denied) == times


def test_and_with_the_name_that_led_there(home, visitor, family):
    visitor.opens("another.allowed.example", family)
    visitor.connect(ANOTHER[family], 80)
    home.eventually_audited("deny", kind="packet", address=ANOTHER[family], port=80, name="another.allowed.example")


def test_the_first_allow_of_a_name_is_told_once(world, home, visitor, who):
    name = f"once-{who}.allowed.example"
    world.upstream.name(name, host(ALLOWED))
    for kind in ("A", "AAAA", "A"):
        visitor.asks(name, kind)
    assert home.eventually_audited("allow", name=name)[0]["ports"] == ["443/tcp"]
    assert len(home.audit("allow", name=name)) == 1


def test_an_admission_is_told(world, home, visitor, who, family):
    name = f"admitted{family}-{who}.allowed.example"
    where = {4: "198.51.100.91", 6: "2001:db8:91::1"}
    world.upstream.name(name, host(where))
    visitor.opens(name, family)
    event = home.eventually_audited("admit", name=name, address=where[family], port=443, protocol="tcp")[0]
    assert 3600 <= event["seconds"] <= 3605


def test_a_boot_and_its_end_are_told(fresh_gatehouse, who):
    home = fresh_gatehouse()
    flags = ["--user", "agent"] if who == "agent" else []
    home.boot("sh", "-c", "exit 5", flags=flags)
    events = [event["event"] for event in home.audit()]
    assert events[0] == "boot" and events[-1] == "exit"
    assert home.audit("boot")[0]["command"] == "sh" and home.audit("boot")[0]["user"] == who
    assert {event["phase"] for event in home.audit("phase")} == {1, 2}
    assert home.audit("exit")[0]["status"] == 5
    assert home.audit("exit")[0]["reason"] == "the agent ended with status 5"


def test_a_request_to_end_is_told_with_what_the_agent_made_of_it(fresh_gatehouse):
    home = fresh_gatehouse()
    session = home.start_boot("sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 7
    assert home.audit("exit")[0]["reason"] == "the agent ended with status 7, after SIGTERM from outside"


def test_phase_1_tells_what_became_of_the_plans_names(world, fresh_gatehouse):
    home = fresh_gatehouse()
    world.upstream.name("two.example", addresses("198.51.100.91", "198.51.100.92"))
    home.boot("true", flags=["--allow", "two.example,dead.example"])
    [first] = home.audit("phase", phase=1)
    assert (first["resolved"], first["unresolved"], first["addresses"]) == (1, 1, 2)
    assert 0 <= first["milliseconds"] < 10000
    [second] = home.audit("phase", phase=2)
    assert "resolved" not in second and 0 <= second["milliseconds"] < 10000


def test_what_the_self_test_was_denied_is_not_told_as_the_agents_doing(fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    # Whenever it likes, the kernel tells the routers which groups it listens to: nobody's doing here.
    tested = [event for event in home.audit("deny") if event.get("icmp_type") != MULTICAST_REPORT]
    assert {event["kind"] for event in tested} == {"name", "packet"}
    assert {event.get("by") for event in tested} == {"self-test"}
    assert not visitor.connect("169.254.169.254", 80)["reached"]
    visitor.asks("unlisted.example")
    home.eventually_audited("deny", kind="name", name="unlisted.example")
    metadata = {"kind": "packet", "address": "169.254.169.254", "port": 80}
    assert eventually(lambda: [event for event in home.audit("deny", **metadata) if "by" not in event],
                      "the agent's own attempt is told")
    assert home.audit("deny", **metadata, by="self-test")
    assert "by" not in home.audit("deny", name="unlisted.example")[0]


def test_an_admission_of_a_range_names_all_of_it(world, fresh_gatehouse):
    home = fresh_gatehouse()
    world.upstream.name("range.example", host(ALLOWED))
    home.boot("true", flags=["--allow", "range.example:8000-8099/udp"])
    for event in home.audit("admit", name="range.example"):
        assert (event["port"], event["last_port"], event["protocol"]) == (8000, 8099, "udp")
    assert home.audit("admit", name="range.example")


def test_a_boot_that_fails_is_told(fresh_gatehouse):
    home = fresh_gatehouse()
    home.policy({"allow": [{"host": "dead.example", "required": True}]})
    assert home.boot("true").status == 69
    [event] = home.audit("exit")
    assert event["status"] == 69 and "dead.example" in event["reason"]


def test_every_line_is_as_documented(home, visitor):
    visitor.asks("unlisted.example")
    events = documented()
    lines = home.audit()
    assert len({line["event"] for line in lines}) >= 6
    wrong = [(problem_with(line, events), line) for line in lines if problem_with(line, events)]
    assert wrong == []


def test_times_are_utc_and_in_order(home, visitor):
    times = [line["time"] for line in home.audit()]
    newest = calendar.timegm(time.strptime(times[-1][:19], "%Y-%m-%dT%H:%M:%S"))
    assert abs(newest - time.time()) < 60


def test_lines_are_plain_ascii_whatever_was_asked(home, visitor):
    """A name cannot forge a line, nor move a cursor."""
    labels = [b'a"},{"event":"boot"', b"line\nbreak", b"\x1b[2J", b"\xff\xfe", b"dot.dot", b"back\\slash", b"\0"]
    for label in labels:
        octets = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + bytes([len(label)]) + label + b"\4evil\0\0\1\0\1"
        visitor.ask(octets.hex(), GATE[4])
    told = lambda: [event for event in home.audit("deny") if "evil" in event.get("name", "")]
    eventually(lambda: len(told()) >= len(labels), "all are told")
    raw = home.at("/var/log/ostiary/audit.jsonl").read_bytes()
    assert all(octet == 10 or 32 <= octet < 127 for octet in raw)
    assert all(json.loads(line) for line in raw.splitlines())


def test_a_flood_is_counted_and_not_written_out(world, fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    already = sum(event["count"] for event in home.audit("deny"))
    visitor.flood("same.unlisted.example%.0s", 5_000, GATE[4], patience=30)
    told = lambda: sum(event["count"] for event in home.audit("deny", kind="name")) + \
        sum(event["count"] for event in home.audit("deny", kind="other"))
    eventually(lambda: told() >= 5_000 and told() - already <= 5_100, "all are counted")
    assert len(home.audit("deny")) < 1_000


def test_a_flood_of_packets_is_counted_too(fresh_gatehouse, who, family):
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    visitor.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
for _ in range(3000):
    try: s.sendto(b"x", ({UNLISTED[family]!r}, 9999))
    except OSError: pass""", patience=20)
    counted = lambda: sum(event["count"] for event in home.audit("deny")
                          if event.get("address") == UNLISTED[family] or event["kind"] == "other")
    eventually(lambda: counted() >= 3_000, "all are counted")
    assert len(home.audit("deny")) < 600


# Where it goes ----------------------------------------------------------------------------------------------

def test_it_is_roots(home, visitor):
    status = home.at("/var/log/ostiary/audit.jsonl").stat()
    assert status.st_uid == 0 and status.st_mode & 0o7777 == 0o640


def test_the_agent_cannot_write_it(visitor, who):
    if who == "root":
        pytest.skip("the file is root's")
    assert not visitor.python("open('/var/log/ostiary/audit.jsonl', 'a')")["reached"]


def test_to_a_file(fresh_gatehouse):
    home = fresh_gatehouse()
    home.mkdir("/var/log/mine")
    assert home.boot("true", flags=["--audit", "/var/log/mine/journal"]).status == 0
    assert home.audit("exit", path="/var/log/mine/journal") and not home.exists("/var/log/ostiary")


def test_to_standard_error(fresh_gatehouse):
    home = fresh_gatehouse()
    result = home.boot("true", flags=["--audit", "stderr"])
    events = [json.loads(line)["event"] for line in result.stderr.splitlines() if line.startswith("{")]
    assert events[0] == "boot" and events[-1] == "exit" and not home.exists("/var/log/ostiary")


def test_to_nowhere(fresh_gatehouse):
    home = fresh_gatehouse()
    result = home.boot("true", flags=["--audit", "none"])
    assert result.status == 0 and "{" not in result.stderr and not home.exists("/var/log/ostiary")


def test_where_the_usual_place_cannot_be_written_to_standard_error(fresh_gatehouse):
    home = fresh_gatehouse()
    home.make_read_only("/var/log")
    result = home.boot("true")
    assert result.status == 0 and '"event":"boot"' in result.stderr
    assert "--audit" in result.stderr


def test_a_place_that_was_asked_for_and_cannot_be_written_is_an_error(fresh_gatehouse):
    home = fresh_gatehouse()
    home.make_read_only("/var/log")
    result = home.boot("touch", "/work/started", flags=["--audit", "/var/log/mine"])
    assert result.status in (66, 69, 77, 78) and not home.exists("/work/started"), result
    assert "/var/log/mine" in result.stderr.splitlines()[-1]


def test_a_link_in_its_place_is_not_followed(fresh_gatehouse):
    home = fresh_gatehouse()
    home.write("/etc/precious", "precious\n")
    home.mkdir("/var/log/ostiary")
    home.link("/var/log/ostiary/audit.jsonl", "/etc/precious")
    home.boot("true")
    assert home.read("/etc/precious") == "precious\n"


# What befalls it --------------------------------------------------------------------------------------------

@pytest.fixture
def small_disk(fresh_gatehouse):
    """The journal's directory on a file system of 256 KiB."""
    home = fresh_gatehouse()
    home.mkdir("/var/log/ostiary")
    namespaces.call("mount", "tmpfs", home.at("/var/log/ostiary"), "tmpfs", 0, b"size=1m,mode=755")
    yield home
    home.end()
    namespaces.unmount(home.at("/var/log/ostiary"))


def is_whole(line):
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def test_a_full_disk_does_not_stop_the_gate(world, small_disk, who):
    visitor = small_disk.visit("--allow", "allowed.example", who=who)
    filler = small_disk.at("/var/log/ostiary/filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    for number in range(300):
        visitor.asks(f"n{number}.unlisted.example")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert visitor.connect(ALLOWED[4], 443)["reached"]
    assert not visitor.connect(UNLISTED[4], 443)["reached"]
    filler.unlink()
    visitor.asks("after.unlisted.example")
    eventually(lambda: "after.unlisted.example" in small_disk.read(JOURNAL), "the journal goes on")
    lines = [line for line in small_disk.read(JOURNAL).splitlines(keepends=True) if line.endswith("\n")]
    whole = [json.loads(line) for line in lines if is_whole(line)]
    cut_short = len(lines) - len(whole)
    lost = sum(line["count"] for line in whole if line["event"] == "events_lost")
    assert 0 < lost and cut_short <= lost, "what was cut short is counted as well"


def test_a_file_as_large_as_files_may_be_does_not_stop_the_gate(world, fresh_gatehouse, who):
    """ulimit -f: the kernel has a signal for that."""
    home, most = fresh_gatehouse(), 20000
    visitor = home.visit("--allow", "allowed.example", who=who,
                         prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    gate = home.gate(visitor.session)
    for number in range(300):
        visitor.asks(f"n{number}.unlisted.example")
    eventually(lambda: home.at(JOURNAL).stat().st_size == most, "the file is full")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert home.gate(visitor.session) == gate


def test_a_closed_pipe_does_not_stop_the_gate(world, fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "allowed.example", "--audit", "stderr", who=who)
    visitor.session.err.close()
    for number in range(20):
        visitor.asks(f"n{number}.unlisted.example")
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert visitor.connect(ALLOWED[4], 443)["reached"]
    visitor.session.close_stdin()
    assert visitor.session.wait().status == 0


def test_a_pipe_that_nobody_reads_does_not_stop_the_gate(fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "allowed.example", "--audit", "stderr", who=who)
    flood = visitor.flood("n%d.unlisted.example", 20_000, GATE[4], patience=60)
    assert flood == {"codes": {"3": 20_000}, "unanswered": 0}


def test_a_journal_that_was_deleted_or_truncated_does_not_stop_the_gate(fresh_gatehouse, who):
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "allowed.example", who=who)
    os.truncate(home.at("/var/log/ostiary/audit.jsonl"), 0)
    visitor.asks("after.unlisted.example")
    home.eventually_audited("deny", name="after.unlisted.example")
    assert home.at("/var/log/ostiary/audit.jsonl").read_bytes()[:1] == b"{"
    home.at("/var/log/ostiary/audit.jsonl").unlink()
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]


def test_half_a_line_of_somebody_elses_does_not_stop_the_gate(fresh_gatehouse, who):
    """As the keeper leaves it where the disk is full."""
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "allowed.example", who=who)
    gate = home.gate(visitor.session)
    with home.at(JOURNAL).open("ab") as journal:
        journal.write(b'{"time":"2026-')
    visitor.asks("after.unlisted.example")
    eventually(lambda: b"after.unlisted.example" in home.at(JOURNAL).read_bytes(), "the journal goes on")
    assert home.gate(visitor.session) == gate
    assert home.at(JOURNAL).read_bytes().count(b'{"time":"2026-\n{') == 1
