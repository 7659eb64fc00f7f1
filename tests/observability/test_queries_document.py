"""docs/queries.md: each query has a sentence, is correct for its language, and names only what is sent. Each PromQL query finds
something in a Prometheus that has every metric of the inventory, from sessions of two weeks. LogQL and TraceQL are not run."""

import re
import subprocess
import time

import pytest

from observability.test_queries_are_checked import parsers  # noqa: F401
from support import inventory
from support.network import NetworkNamespace
from support.project import ROOT
from support.queries import problems, without_variables
from support.stack_stores import Stores, missing

DOCUMENT = ROOT / "docs" / "queries.md"
QUERIES = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
PROMQL = [query for language, query in QUERIES if language == "promql"]
SENTENCES = re.findall(r"(?:^|\n\n)([^\n]*(?:\n[^\n`|#]+)*)\n\n```", DOCUMENT.read_text())
LEAST = 50

SESSIONS, HOURS, STEP = 4, 49, 1800  # of the data, in seconds
DAYS = 15  # in which there is one value a day before those hours
TEAMS = ("blue", "green")
SILENT = 3600  # before the end, in which the second team sends nothing
INCREMENT = 0.5
COST = "claude_code_cost_usage_USD:increase1m"
VALUES = {"vcs_repository_name": ["acme/widgets"]}


def test_there_are_many_queries_each_with_one_sentence():
    assert len(QUERIES) >= LEAST
    assert {language for language, _ in QUERIES} == {"promql", "logql", "traceql"}
    assert len(SENTENCES) == len(QUERIES)
    assert [sentence for sentence in SENTENCES if not re.fullmatch(r"[A-Z0-9].*:", sentence, re.S)] == []
    assert len(set(SENTENCES)) == len(set(QUERIES)) == len(QUERIES)


def test_the_sentence_of_a_query_names_the_switch_of_each_text():
    """In records: whatever the event of the inventory sends only with a switch."""
    for sentence, query in zip(SENTENCES, (query for _, query in QUERIES)):
        events = {name: event for service in inventory.load()["services"].values() for name, event in service["events"].items()
                  if re.search(rf'event_name=~?"[^"]*\b{re.escape(name)}\b', query)}
        used = set(re.findall(r"\{\{\.(\w+)\}\}|by \((.*?)\)", query)) if events else set()
        used = {word for groups in used for group in groups for word in re.split(r",\s*", group)}
        for name, event in events.items():
            for attribute, field in event["attributes"].items():
                switch = field.get("flag") or field.get("content_flag")
                if switch and inventory.label(attribute) in used:
                    assert switch in sentence, (name, attribute, query)


def test_the_flags_of_ostiary_are_those_of_its_switches(binary):
    said = subprocess.run([binary, "telemetry", "connect", "--help"], capture_output=True, text=True, check=True).stdout
    flags = {switch: flag for flag, switch in re.findall(r"^  (--[a-z-]+) .*\[(OTEL_LOG_\w+)\]$", said, re.M)}
    named = dict(re.findall(r"^  \| `(OTEL_LOG_\w+)` \| `(--[a-z-]+)`", DOCUMENT.read_text(), re.M))
    assert len(named) == 3 and named.items() <= flags.items()
    shown = re.findall(r"`(OTEL_LOG_\w+)=1`, or `(--[a-z-]+)`", (DOCUMENT.parent / "dashboards.md").read_text())
    assert len(shown) == 3 and set(shown) <= set(flags.items())
    assert set(re.findall(r"`(--[a-z-]+)`", (DOCUMENT.parent / "telemetry-reference.md").read_text())) == set(flags.values())


def test_each_query_is_correct_and_names_what_is_sent(parsers):  # noqa: F811
    wrong = [(query, said) for (_, query), said in zip(QUERIES, problems(QUERIES)) if said]
    assert wrong == []


# PromQL is run -------------------------------------------------------------------------------------------------------


def series(labels, number):
    """The labels of one series: each label has its values in turn."""
    team = number % 2
    own = {"team": [TEAMS[team]], "session_id": [f"session-{number % SESSIONS}"]}

    def value(name, field):
        values = own.get(name) or VALUES.get(name) or sorted(field.values or (f"{name}-1", f"{name}-2"))
        return values[number // 2 % len(values)]
    return "{" + ",".join(f'{name}="{value(name, field)}"' for name, field in labels.items()) + "}", team


def written(end):
    """Every metric of the inventory, and what its counters grew by, as OpenMetrics."""
    rules = inventory.recorded()
    for name, labels in inventory.prometheus_metrics().items():
        count = 2 * max([SESSIONS, *(len(field.values) for field in labels.values() if field.values)])
        increments = f"{name.removesuffix('_total')}:increase1m"
        for metric in (name, increments) if increments in rules else (name,):
            for number in range(count):
                text, team = series(labels, number)
                until = end - team * SILENT
                begin = end - HOURS * 3600
                for step, at in enumerate([*range(end - DAYS * 86400, begin, 86400), *range(begin, until + 1, STEP)]):
                    yield f"{metric}{text} {INCREMENT if metric == increments else step + 1} {at}\n"
    yield "# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A Prometheus with that data, and a time just after its end."""
    if why := missing():
        pytest.skip(why)
    directory = tmp_path_factory.mktemp("stores")
    end = int(time.time()) - 60
    (directory / "metrics").write_text("".join(written(end)))
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", directory / "metrics", directory / "prometheus"],
                   check=True, capture_output=True, timeout=120)
    network = NetworkNamespace()
    network.ip("link set lo up")
    with Stores(network, directory) as stores:
        yield stores.prometheus, end + 1
    network.close()


def test_the_sum_of_increments_is_what_was_written(prometheus):
    server, now = prometheus
    (_, value), = server.query(f"sum(sum_over_time({COST}[1d]))", time=now)
    points = [1 + (86400 - team * SILENT - 1) // STEP for team in (0, 1)]
    assert value == INCREMENT * 5 * sum(points)  # five series of each team: the efforts are five
    (_, value), = server.query(f'sum(sum_over_time({COST}{{team="{TEAMS[0]}"}}[1d]))', time=now)
    assert value == INCREMENT * 5 * points[0]
    for _, value in server.query(f"sum by (team) (sum_over_time({COST}[7d] offset 7d))", time=now):
        assert value == INCREMENT * 5 * 7


@pytest.mark.parametrize("query", PROMQL, ids=lambda query: " ".join(query.split())[:60])
def test_a_promql_query_finds_something(prometheus, query):
    server, now = prometheus
    found = server.query(without_variables(query, {"__range": "1d"}), time=now)
    assert found and all(value == value for _, value in found), found
