"""COLLECTOR_AUTH=basicauth: the team of what arrives is the one whose password the agent has, whatever the agent says."""

import json

import pytest

from observability.collecting import PORTS, TEAMS, basic, collector, post, settings, stored
from support.otlp import LISTS, SIGNALS
from support.relayed import COLLECTOR, World
from support.waiting import eventually

PATIENCE = 60
FORGED = "forged"
TEAM = {"key": "team", "value": {"stringValue": FORGED}}
MARKED = {"attributes": [TEAM, {"key": "kept", "value": {"stringValue": "yes"}}]}
RECORDS = {
    "traces": {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "work",
               "events": [MARKED | {"name": "event"}], **MARKED},
    "metrics": {"name": "tokens", "sum": {"aggregationTemporality": 1, "dataPoints": [MARKED | {"asInt": "5"}]}},
    "logs": MARKED}


def forged(signal, *values):
    """A request that claims a team in every place; in its resource with each of these values."""
    groups, scopes, items = LISTS[signal]
    teams = [{"key": "team", "value": value} for value in values]
    return {groups: [{"resource": {"attributes": teams}, scopes: [{"scope": MARKED | {"name": "test"}, items: [RECORDS[signal]]}]}]}


@pytest.fixture(autouse=True)
def running(internet, tmp_path, store):
    made = collector(internet.network, tmp_path, **settings(tmp_path, store, COLLECTOR_AUTH="basicauth"))
    yield made
    made.kill()


def items(signal, request):
    groups, scopes, records = LISTS[signal]
    return [item for group in request[groups] for scope in group[scopes] for item in scope[records]]


def teams(store, signal):
    """The team of each resource in the bucket; all its teams, if it has not just one."""
    groups = [group for _, request in stored(store, signal) for group in request[LISTS[signal][0]]]
    found = [[pair["value"] for pair in group["resource"]["attributes"] if pair["key"] == "team"] for group in groups]
    return [values[0]["stringValue"] if len(values) == 1 else values for values in found]


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("values", [[], [TEAM["value"]], [TEAM["value"], {"stringValue": "blue"}], [{"intValue": "5"}, {}]],
                         ids=["none", "another", "two", "other types"])
def test_a_forged_team_is_overwritten(internet, store, signal, values):
    assert post(internet.network, signal, forged(signal, *values), authorization=basic("red", TEAMS["red"])) == 200
    eventually(lambda: teams(store, signal), "it arrives", PATIENCE)
    assert teams(store, signal) == ["red"]
    (_, request), = stored(store, signal)
    text = json.dumps(request)
    assert FORGED not in text and text.count('"kept"') == json.dumps(forged(signal)).count('"kept"')
    item, = items(signal, request)
    marked, = item["sum"]["dataPoints"] if signal == "metrics" else [item]
    assert [pair["value"] for pair in marked["attributes"] if pair["key"] == "team"] == [{"stringValue": "red"}]


def test_each_team_is_told_from_the_other(internet, store):
    for team, password in TEAMS.items():
        assert post(internet.network, "logs", forged("logs"), authorization=basic(team, password)) == 200
    eventually(lambda: sorted(teams(store, "logs")) == sorted(TEAMS), "both arrive", PATIENCE)


@pytest.mark.parametrize("authorization", [basic("red", TEAMS["blue"]), basic("red", ""), basic("green", TEAMS["red"]),
                                           basic("", ""), f"Bearer {TEAMS['blue']}", "Basic red"])
def test_a_wrong_password_is_refused(internet, store, authorization):
    assert post(internet.network, "logs", forged("logs"), authorization=authorization) == 401
    assert post(internet.network, "logs", forged("logs"), authorization=basic("red", TEAMS["red"])) == 200
    eventually(lambda: teams(store, "logs") == ["red"], "the other arrives", PATIENCE)


@pytest.mark.parametrize("form", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("password", [TEAMS["red"], "other"], ids=["right", "wrong"])
def test_the_relay_sends_with_a_teams_password(new_container, internet, tmp_path, store, form, password):
    port = PORTS[form.removesuffix("/protobuf")]
    world = World(new_container(), internet, tmp_path, port, False, OSTIARY_AUDIT_OTLP="off", OTEL_EXPORTER_OTLP_PROTOCOL=form,
                  OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{COLLECTOR}:{port}",
                  OTEL_EXPORTER_OTLP_HEADERS=f"Authorization={basic('red', password)}")
    world.start("agent")
    assert world.python("[post('work'), post_logs('session-1'), post_metrics(5)]") == "[200, 200, 200]"
    if password == TEAMS["red"]:
        eventually(lambda: all(teams(store, signal) == ["red"] for signal in SIGNALS), f"all arrives: {world.log()}", PATIENCE)
    else:
        answer = "the collector answers " + ("UNAUTHENTICATED" if form == "grpc" else "401")
        eventually(lambda: answer in world.log(), f"{answer} is in {world.log()}")
        assert not any(stored(store, signal) for signal in SIGNALS)
