"""The dashboards of container/stack: each query finds data of real sessions of Claude Code under ostiary."""

import itertools
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest
import yaml

from observability.dashboards import ALL, FOLDER, dashboards, filled, panels, queries
from observability.render import Answers, logql, picture
from observability.sessions import CLAUDE
from observability.stack_session import StackSession
from observability.test_queries_document import PROMQL
from support.otelcol import BUILT
from support.project import ROOT
from support.queries import problems, without_variables
from support.stack_stores import missing

SDK = BUILT / "dashboards_sdk"
ALERTS = ROOT / "container" / "stack" / "loki" / "rules" / "fake" / "alerts.yaml"
DATA_SOURCES = ROOT / "container" / "stack" / "grafana" / "datasources.yaml"
GENERATOR = ROOT / "scripts" / "dashboards"
PICTURES = os.environ.get("OSTIARY_PICTURES")  # a folder to write them to
PAUSE = 60 if PICTURES else 20  # seconds; the sessions last four of these

# Panels that show nothing in these sessions, and why.
EMPTY = {"session: API errors": "the session that is shown has none"}
# What distinguishes the queries of docs/queries.md that find nothing in these sessions.
NOT_IN_THESE_SESSIONS = ("offset 1d", "offset 7d", 'query_source="subagent"', 'mcp_server_name!=""', 'skill_name!=""', "unless on (team)",
                         "ostiary_relay_series_forgotten_total")


@pytest.fixture(scope="module")
def session(scratch, binary, tmp_path_factory):
    if reason := missing():
        pytest.skip(reason)
    if not CLAUDE.exists():
        pytest.skip("there is no Claude Code: install npm, and run tests/observability/build")
    made = StackSession(scratch, binary, tmp_path_factory.mktemp("session"), PAUSE)
    yield made
    made.close()


@pytest.mark.plain
def test_the_files_are_what_their_sources_make(tmp_path):
    subprocess.run([sys.executable, GENERATOR, tmp_path], check=True)
    made, kept = ({path.name: path.read_text() for path in folder.glob("*.json")} for folder in (tmp_path, FOLDER))
    assert made == kept, f"run {GENERATOR.relative_to(ROOT)}"


def found_in(session, query):
    one = {"session": session.denied_session()} if query.dashboard == "session" else {}
    text = query.filled(session.end - session.start, **one)
    ask = session.stores.prometheus
    return (ask.query(text, time=session.end) if query.instant else ask.query_range(text, session.start, session.end, 60))


def test_each_query_in_promql_finds_data(session):
    empty = {str(query) for query in queries("metrics") if not found_in(session, query)}
    assert not empty, (empty, session.results)


def test_all_sessions_are_counted_those_without_a_team_too(session):
    counted = next(query for query in queries("metrics") if (query.dashboard, query.panel) == ("overview", "Sessions"))
    assert [value for _, value in found_in(session, counted)] == [len(session.results)]


@pytest.mark.plain
def test_what_users_of_such_dashboards_complain_of_cannot_occur():
    known = {source["uid"] for source in yaml.safe_load(DATA_SOURCES.read_text())["datasources"]}
    for name, dashboard in dashboards().items():
        used = {part["datasource"]["uid"] for panel in panels(dashboard) for part in (panel, *panel["targets"])}
        used |= {each["datasource"]["uid"] for each in dashboard["templating"]["list"] if "datasource" in each}
        assert used <= known, name
    for query in queries():
        assert "claude_code_session_count" not in query.text, query  # it has one sample a session
        assert not re.search(r"service_name=~?\"(?!\$service|ostiary\")", query.text), query  # "All" is any name


def test_each_promql_query_of_the_document_is_answered(session):
    length = f"{int(session.end - session.start)}s"
    empty = [query for query in PROMQL if not session.stores.prometheus.query(
        without_variables(query, {"__range": length}), time=session.end)]
    assert [query for query in empty if not any(part in query for part in NOT_IN_THESE_SESSIONS)] == []
    assert [part for part in NOT_IN_THESE_SESSIONS if not any(part in query for query in empty)] == []


def test_each_query_is_valid_and_names_only_what_the_inventory_has():
    languages = {"metrics": "promql", "logs": "logql", "traces": "traceql"}
    asked = [query for query in queries() if not query.text.startswith("$")]  # that is a trace's id
    found = problems([(languages[query.kind], query.text) for query in asked], variables=ALL)
    assert not {str(query): said for query, said in zip(asked, found) if said}


def test_each_variable_has_values(session):
    for name, dashboard in dashboards().items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                selected, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
                selected = filled(selected)
                found = session.stores.prometheus.query(f"sum by ({label}) ({selected})", time=session.end)
                assert any(labels.get(label) for labels, _ in found), (name, variable["name"])


def test_grafanas_own_types_know_each_field():
    assert unknown_fields(*sorted(FOLDER.glob("*.json"))) == ""


@pytest.mark.parametrize("place", [
    "{dashboard}", "{panel}", "{panel}['fieldConfig']", "{panel}['fieldConfig']['defaults']", "{panel}['options']",
    "{panel}['fieldConfig']['defaults']['custom']", "{panel}['targets'][0]", "{dashboard}['templating']['list'][0]"])
def test_an_unknown_field_is_found(tmp_path, place):
    dashboard = dashboards()["overview"]
    graph = next(panel for panel in panels(dashboard) if panel["type"] == "timeseries")
    eval(place.format(dashboard="dashboard", panel="graph"), {"dashboard": dashboard, "graph": graph})["unheardOf"] = 1
    (tmp_path / "overview.json").write_text(json.dumps(dashboard))
    assert "unheardOf" in unknown_fields(tmp_path / "overview.json")


def unknown_fields(*paths):
    if not SDK.exists():
        pytest.skip("there is no check by Grafana's types: install Go 1.25 or newer, and run tests/observability/build")
    return subprocess.run([SDK, *paths], capture_output=True, text=True).stdout


@pytest.mark.plain
def test_panels_do_not_overlap_and_say_why_they_are_empty():
    for name, dashboard in dashboards().items():
        taken = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = set(itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])))
            assert not taken & cells and place["x"] + place["w"] <= 24, (name, panel["title"])
            taken |= cells
        for panel in panels(dashboard):
            assert "Empty: " in panel["description"], (name, panel["title"])
            assert panel["fieldConfig"]["defaults"]["noValue"], (name, panel["title"])
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)



def test_each_panel_is_drawn_with_data(session):
    everything = Answers(session, {})
    shown = session.denied_session()
    traces = [span.trace for span in everything.spans if span.attributes.get("session.id") == shown]
    one = Answers(session, {"session": shown, "trace": max(traces, key=traces.count)})
    empty = set()
    for name, dashboard in dashboards().items():
        drawn, without = picture(dashboard, one if name == "session" else everything)
        xml.etree.ElementTree.fromstring(drawn)
        assert len(drawn) < 60_000, name
        empty |= {f"{name}: {title}" for title in without}
        if PICTURES:
            (ROOT / PICTURES / f"{name}.svg").write_text(drawn)
    assert empty == set(EMPTY)


def test_each_alert_of_loki_is_valid_and_finds_its_events(session):
    everything = Answers(session, {}).records
    alerts = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    said = problems([("logql", alert["expr"]) for alert in alerts])
    assert not {alert["alert"]: each for alert, each in zip(alerts, said) if each}
    for alert in alerts:
        assert logql.at(re.sub(r"> [\d.]+", "> 0", alert["expr"]), everything, session.end), alert["alert"]
        assert not logql.at(alert["expr"], [], session.end)
