"""The audit's events arrive at the collector, as telemetry of the service `ostiary` beside the agent's."""

import os
import signal
import time
from collections import Counter

import pytest

from support.agent import GATE, code
from support.internet import UNLISTED
from support.journal import JOURNAL
from support.relayed import World
from support.telemetry import shows_a_secret
from support.waiting import eventually

RECORDS_A_MINUTE = 600
FLOOD = 10_000
MORE_THAN_THE_SOCKET_TAKES = 3 << 19


class Observed(World):
    def start(self, who, *flags):
        self.flags = flags
        return super().start(who, *flags)

    def end(self):
        """Ends the agent. Then everything has arrived."""
        self.agent.session.signal(signal.SIGTERM)
        self.agent.session.wait()

    def groups(self, signal="logs", service="ostiary"):
        return [group for export in self.collector.of(signal) for group in export.groups
                if group.resource["service.name"] == service]

    def events(self, name=None, /, **attributes):
        """The attributes of ostiary's records. With a name, of that event."""
        wanted = {f"ostiary.{key}": value for key, value in attributes.items()}
        return [item.attributes for group in self.groups() for item in group.items
                if name in (None, item.name.removeprefix("ostiary.")) and wanted.items() <= item.attributes.items()]

    def ask(self, name="denied.example"):
        assert code(self.agent.asks(name)) == "NXDOMAIN"

    def is_denied(self, name="denied.example"):
        """Also waits until the gate has recorded it."""
        self.ask(name)
        if "none" not in self.flags:
            self.container.eventually_audited("deny", kind="name", name=name)

    def post_logs(self, session, **how):
        given = "".join(f", {key}={value!r}" for key, value in how.items())
        return self.python(f"post_logs({session!r}{given})")


def audited(world):
    """The number of lines of each event, except the exit."""
    return Counter(f"deny_{event['kind']}" if event["event"] == "deny" else event["event"]
                   for event in world.container.audit() if event["event"] != "exit")


@pytest.fixture
def world(new_container, internet, tmp_path):
    made = Observed(new_container(), internet, tmp_path, 8318, tls=False)
    made.serve()
    yield made
    if made.web:
        made.web.close()


# What arrives ---------------------------------------------------------------------------------------------------------


def test_denials_arrive_with_the_agents_session_and_attributes(world, who):
    world.start(who)
    assert world.post_logs("session-1") == "200"
    world.is_denied()
    world.agent.connect(UNLISTED[4], 443)
    world.container.eventually_audited("deny", kind="packet", address=UNLISTED[4])
    world.end()
    denied_name, = world.events("deny_name", name="denied.example")
    denied_packet = world.events("deny_packet", address=UNLISTED[4])[0]
    for each in (denied_name, denied_packet):
        assert each["session.id"] == "session-1" and each["ostiary.session.match"] == "only", each
    assert denied_name["ostiary.why"] == "no_rule" and denied_packet["ostiary.port"] == 443
    agents, = world.groups(service="claude-code")
    for group in world.groups():
        assert group.resource == agents.resource | {"service.name": "ostiary"}
        assert group.resource["team"] == "blue"
    assert not shows_a_secret(str([export.groups for export in world.collector.exports]))


def test_the_boot_and_its_self_test_arrive_without_a_session(world, who):
    world.start(who)
    assert world.post_logs("session-1") == "200"
    world.end()
    assert len(world.events("boot")) == 1
    assert {each["ostiary.phase"] for each in world.events("phase")} == {1, 2}
    audited = sorted(event["probe"] for event in world.container.audit("probe"))
    assert audited and sorted(each["ostiary.probe"] for each in world.events("probe")) == audited
    for each in world.events("probe") + world.events("boot"):
        assert "session.id" not in each


def test_each_line_of_the_audit_but_the_exit_arrives_once(world, who):
    world.start(who)
    world.is_denied()
    before = audited(world)
    world.end()
    arrived = Counter(item.name.removeprefix("ostiary.") for group in world.groups() for item in group.items)
    # The gate may deny a packet when the relay has looked for the last time.
    assert before <= arrived <= audited(world)


def test_events_arrive_while_the_agent_runs(world):
    world.start("agent")
    world.is_denied()
    eventually(lambda: world.events("deny_name", name="denied.example"), "the denial arrives")


def test_of_several_sessions_none_is_named(world):
    world.start("agent")
    for session in ("session-1", "session-2"):
        assert world.post_logs(session) == "200"
    world.is_denied()
    world.end()
    denied, = world.events("deny_name", name="denied.example")
    assert denied["ostiary.session.match"] == "several" and "session.id" not in denied


def test_tampering_and_the_gates_restart_arrive(world, who):
    agent = world.start(who)
    world.container.nft("insert rule inet ostiary output accept")
    world.container.eventually_audited("tampering", response="repaired")
    gate = world.container.gate(agent.session)
    os.kill(gate, signal.SIGKILL)
    world.container.await_another_gate(agent.session, gate)
    world.container.eventually_audited("gate_restarted")
    world.is_denied("after.example")
    world.end()
    assert world.events("tampering", response="repaired")
    assert world.events("gate_died", signal=9) and world.events("gate_restarted")
    assert world.events("deny_name", name="after.example")


def test_events_outlive_the_process_that_serves(world):
    world.start("agent")
    parent, serving = world.relays()
    os.kill(serving, signal.SIGSTOP)
    world.is_denied("meanwhile.example")
    os.kill(serving, signal.SIGKILL)
    world.container.eventually_audited("relay_died", signal=9)
    world.end()
    assert world.events("deny_name", name="meanwhile.example") and world.events("relay_died", signal=9)


def test_metrics_count_the_denials(world):
    world.start("agent")
    assert world.post() == "200"
    world.await_spans("work")
    world.is_denied()
    world.end()
    names = {item.name for group in world.groups("metrics") for item in group.items}
    assert names >= {"ostiary.denials", "ostiary.relay.posts", "ostiary.relay.queue.octets"}
    denied = [item.value for group in world.groups("metrics") for item in group.items if item.name == "ostiary.denials"]
    assert max(denied) < 10, denied  # the boot's self-test is denied more


def test_events_arrive_without_a_file_of_the_audit(world, who):
    world.start(who, "--audit", "none")
    world.is_denied()
    world.end()
    assert world.events("boot") and world.events("deny_name", name="denied.example")


# A flood --------------------------------------------------------------------------------------------------------------


def test_a_flood_of_denials_is_bounded_and_its_rest_is_told(world, who):
    agent = world.start(who)
    flood = agent.flood("n%d.unlisted.example", FLOOD, GATE[4], patience=60)
    assert flood == {"codes": {"3": FLOOD}, "unanswered": 0}
    world.container.eventually_audited("deny", kind="other")
    eventually(lambda: world.ask("after.example") or time.sleep(0.5) or
               world.container.audit("deny", kind="name", name="after.example"), "a denial has a line of its own again")
    world.end()
    assert len(world.events("deny_name")) <= 2 * RECORDS_A_MINUTE
    told = sum(each["ostiary.count"] for each in world.events("left_out"))
    audited = len(world.container.audit("deny", kind="name"))
    lost = sum(each["ostiary.count"] for each in world.events("events_lost"))
    assert told > 0 and len(world.events("deny_name")) + told + lost >= audited


def test_a_relay_that_reads_nothing_delays_no_answer(world):
    agent = world.start("agent")
    stopped = world.relays()
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        while len(world.container.read(JOURNAL)) < MORE_THAN_THE_SOCKET_TAKES:
            assert agent.flood("n%d.unlisted.example", FLOOD, GATE[4], patience=60)["unanswered"] == 0
        begin = time.monotonic()
        world.ask()
        assert time.monotonic() - begin < 1
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)
    eventually(lambda: world.ask() or time.sleep(0.5) or world.events("events_lost"), "the loss is told")
    world.end()
    assert world.events("deny_name") and world.events("left_out")


# What the agent cannot do ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [{"service": b"ostiary"}, {"scope": b"ostiary"}], ids=lambda claim: next(iter(claim)))
def test_the_agent_cannot_forge_an_event(world, who, claim):
    world.start(who)
    assert world.post_logs("forged", **claim) == "400"
    world.end()
    assert world.events("boot") and not [each for each in world.events() if "forged" in each.values()]


def test_switched_off_none_is_sent(world, who):
    world.start(who, "--audit-otlp", "off")
    assert world.post_logs("session-1") == "200"
    world.is_denied()
    world.end()
    assert world.groups(service="claude-code")
    assert world.groups("logs") == world.groups("metrics") == []
    assert world.container.audit("deny", kind="name", name="denied.example")
