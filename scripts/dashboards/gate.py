"""What ostiary denied and allowed, beside the tool calls that caused it."""

from common import (AGENTS_AND_OSTIARY, BY_AGENT, DENIALS, IN_SESSION, IN_TEAM, LOST, NOT_SELF_TEST, NUMBER, OCTETS, OSTIARY,
                    SERVICE, SESSIONS, TEAM, add_up, count, dashboard, each_interval, events, graph, records, row, shown, stat, table,
                    total)

NO_GATE = "agents run without ostiary's relay, or with --audit-otlp off."
NONE = f"there were none, or {NO_GATE}"

DENIED = events(DENIALS, IN_TEAM, IN_SESSION, *BY_AGENT, of=OSTIARY)
DENIED_NAMES = events("ostiary.deny_name", IN_TEAM, IN_SESSION, NOT_SELF_TEST, of=OSTIARY)
DENIED_PACKETS = events("ostiary.deny_packet", IN_TEAM, IN_SESSION, *BY_AGENT, of=OSTIARY)
MISNAMED = events("ostiary.deny_tls ostiary.deny_http", IN_TEAM, IN_SESSION, *BY_AGENT, of=OSTIARY)
OPENED = events("ostiary.admit", IN_TEAM, IN_SESSION, of=OSTIARY)
BOOTS = events("ostiary.boot", IN_TEAM, of=OSTIARY)

OTHERS = "ostiary.allow ostiary.admit ostiary.upstream_failure ostiary.tampering"
BESIDE = events(f"tool_decision tool_result {DENIALS} {OTHERS}", IN_TEAM, IN_SESSION, *BY_AGENT, of=AGENTS_AND_OSTIARY)
LINES = {
    "tool_decision": "tool: {{ .tool_name }}: {{ .decision }} {{ .tool_parameters }}",
    "tool_result": "tool: {{ .tool_name }} has ended, success {{ .success }}, {{ .duration_ms }} ms {{ .tool_input }}",
    **{event: "gate: {{ __line__ }}" for event in f"{DENIALS} {OTHERS}".split()},
}
HELPERS = events("ostiary.gate_died ostiary.gate_restarted ostiary.relay_died ostiary.relay_restarted ostiary.tampering "
                 "ostiary.events_lost ostiary.left_out", IN_TEAM, of=OSTIARY)
POLICY = events("ostiary.boot ostiary.phase ostiary.allow ostiary.gate_started ostiary.relay_started", IN_TEAM, of=OSTIARY)

DASHBOARD = dashboard(
    "gate", "ostiary: the gate", "What ostiary denied and allowed, beside the tool calls that caused it.",
    row(
        stat("Denied to agents", add_up(DENIED, "ostiary_count"),
             "Names, packets and flows that were denied to agents, without those of the boots' self-tests and of the kernel.", NONE,
             steps=("green", ("orange", 1))),
        stat("Addresses opened", total("ostiary_admissions", of=IN_TEAM), "Addresses that were opened for a time.", NO_GATE),
        stat("Tampering", count(events("ostiary.tampering", IN_TEAM, of=OSTIARY)),
             "Changes of ostiary's rules by another process.", NONE, steps=("green", ("red", 1))),
        stat("Helpers restarted", total("ostiary_helper_restarts", of=IN_TEAM),
             "How often the gate or the relay ended, and was started again.", NONE, steps=("green", ("red", 1))),
        stat("Telemetry that waits", f"sum (ostiary_relay_queue_posts{{{IN_TEAM}}})",
             "Requests of telemetry that wait in the relays, as of their last metrics. A relay that reaches no collector cannot "
             "say so here.", NO_GATE, steps=("green", ("orange", 100))),
        stat("Telemetry lost", total("ostiary_relay_posts", of=f"{IN_TEAM}, {LOST}"),
             "Requests of telemetry that the collector refused, or for which the relay had no room.", NONE,
             steps=("green", ("red", 1))),
        height=4),
    row(
        records("Denials beside tool calls", shown(BESIDE, LINES),
                "What tools did, and what the gate denied, opened or repaired meanwhile. Select one session, or read its id in "
                "a line's details: an event that one session alone can have caused has its session_id. A tool's input needs "
                "OTEL_LOG_TOOL_DETAILS=1.", NONE, newest_first=False, lines=1000),
        height=14),
    row(
        graph("Denied to agents",
              {"{{ostiary_kind}} {{ostiary_why}}": add_up(DENIED, "ostiary_count", "ostiary_kind, ostiary_why", "$__interval")},
              "Names, packets and flows by cause. A packet without a cause went to an address that no rule names.", NONE, bars=True),
        graph("All denials", {"{{kind}}": each_interval("ostiary_denials", "kind", of=IN_TEAM)},
              "Denials by kind, as the gate counts them: with those of the kernel's own reports to multicast groups.", NO_GATE, bars=True)),
    row(
        table("Names that were denied",
              {"Times": (add_up(DENIED_NAMES, "ostiary_count", "ostiary_name, ostiary_type, ostiary_why"), NUMBER)},
              {"ostiary_name": "Name", "ostiary_type": "Type", "ostiary_why": "Why"},
              "Names that agents asked for, and that no rule allows.", NONE),
        table("Packets that were denied",
              {"Times": (add_up(DENIED_PACKETS, "ostiary_count",
                                "ostiary_address, ostiary_port, ostiary_protocol, ostiary_name, ostiary_why"), NUMBER)},
              {"ostiary_address": "Address", "ostiary_port": "Port", "ostiary_protocol": "Protocol", "ostiary_name": "Name",
               "ostiary_why": "Why"},
              "Packets to addresses that are not open.", NONE)),
    row(
        table("Flows that were denied for their name",
              {"Times": (add_up(MISNAMED, "ostiary_count", "ostiary_name, ostiary_address, ostiary_port, ostiary_why"), NUMBER)},
              {"ostiary_name": "Name", "ostiary_address": "Address", "ostiary_port": "Port", "ostiary_why": "Why"},
              "Flows to open addresses that named no allowed host in TLS.", NONE)),
    row(
        table("Addresses that were opened",
              {"Times": (count(OPENED, "ostiary_name, ostiary_address, ostiary_port, ostiary_protocol"), NUMBER)},
              {"ostiary_name": "Name", "ostiary_address": "Address", "ostiary_port": "Port", "ostiary_protocol": "Protocol"},
              "Addresses that the kernel let agents reach for a time.", NONE),
        graph("Addresses opened", {"{{team}}": each_interval("ostiary_admissions", "team", of=IN_TEAM)},
              "Addresses that were opened in each interval, by team.", NO_GATE, bars=True)),
    row(
        graph("Requests of telemetry", {"{{outcome}}": each_interval("ostiary_relay_posts", "outcome", of=IN_TEAM)},
              "What became of the agents' requests of telemetry in each interval. A delayed one is tried again.", NO_GATE,
              bars=True),
        graph("Telemetry that waits, requests", {"{{team}}": f"sum by (team) (ostiary_relay_queue_posts{{{IN_TEAM}}})"},
              "Requests that wait for the collector in the relays of each team.", NO_GATE),
        graph("Telemetry that waits, octets", {"{{team}}": f"sum by (team) (ostiary_relay_queue_octets_bytes{{{IN_TEAM}}})"},
              "What waits for the collector in the relays of each team. A relay keeps 64 MiB for each collector.", NO_GATE,
              unit=OCTETS)),
    row(
        graph("Helpers restarted", {"{{helper}}": each_interval("ostiary_helper_restarts", "helper", of=IN_TEAM)},
              "The gate or the relay ended, and was started again.", NONE, bars=True, width=8),
        records("Helpers and tampering", HELPERS, "Ends and starts of the gate and the relay, changes of ostiary's rules, and "
                "events that were left out.", NONE)),
    row(
        table("Boots",
              {"Boots": (count(BOOTS, "service_instance_id, team, ostiary_version, ostiary_gate, ostiary_user, ostiary_command"),
                         NUMBER)},
              {"service_instance_id": "Instance", "team": "Team", "ostiary_version": "Version", "ostiary_gate": "Gate",
               "ostiary_user": "User", "ostiary_command": "Command"},
              "The boots of this time.", NO_GATE),
        records("Policy in force", POLICY, "What each boot opened, and the names that rules allowed.", NO_GATE,
                newest_first=False),
        height=10),
    variables=(SERVICE, TEAM, SESSIONS))
