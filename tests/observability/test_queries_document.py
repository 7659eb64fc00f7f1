"""docs/queries.md: each query has a sentence, is correct for its language, and names only what is sent. Each PromQL query finds
something in a Prometheus that has every metric of the inventory, from sessions of two days. LogQL and TraceQL are not run."""

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
LEAST = 50

SESSIONS, HOURS, STEP = 4, 49, 1800  # of the data, in seconds
SILENT = 3600  # before the end, in which the second team sends nothing
INCREMENT = 0.5
VALUES = {"vcs_repository_name": ["acme/widgets"]}


def test_there_are_many_queries_each_with_one_sentence():
    assert len(QUERIES) >= LEAST
    assert {language for language, _ in QUERIES} == {"promql", "logql", "traceql"}
    before = re.findall(r"(?:^|\n\n)([^\n]*(?:\n[^\n`|#]+)*)\n\n```", DOCUMENT.read_text())
    assert len(before) == len(QUERIES)
    assert [sentence for sentence in before if not re.fullmatch(r"[A-Z0-9].*:", sentence, re.S)] == []
    assert len(set(before)) == len(set(QUERIES)) == len(QUERIES)


def test_each_query_is_correct_and_names_what_is_sent(parsers):  # noqa: F811
    wrong = [(query, said) for (_, query), said in zip(QUERIES, problems(QUERIES)) if said]
    assert wrong == []


# PromQL is run -------------------------------------------------------------------------------------------------------


def series(labels, number):
    """The labels of one series: each label has its values in turn."""
    team = number % 2
    own = {"team": [f"team-{team}"], "session_id": [f"session-{number % SESSIONS}"]}

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
                for step, at in enumerate(range(end - HOURS * 3600, until + 1, STEP)):
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
    (_, value), = server.query(without_variables(PROMQL[0], {"__range": "1d"}), time=now)
    points = [1 + (86400 - team * SILENT - 1) // STEP for team in (0, 1)]
    assert value == INCREMENT * 5 * sum(points)  # five series of each team: the efforts are five


@pytest.mark.parametrize("query", PROMQL, ids=lambda query: " ".join(query.split())[:60])
def test_a_promql_query_finds_something(prometheus, query):
    server, now = prometheus
    found = server.query(without_variables(query, {"__range": "1d"}), time=now)
    assert found and all(value == value for _, value in found), found
