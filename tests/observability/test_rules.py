"""The rules of container/stack: promtool's unit tests, and what these cannot show of a running Prometheus."""

import contextlib
import http.client
import json
import re
import shutil
import subprocess
import time

import pytest
import yaml

from observability.dashboards import dashboards
from support.inventory import prometheus_name, services
from support.network import everywhere
from support.project import ROOT
from support.stack import STACK, moved
from support.stack_stores import Stores, missing
from support.waiting import eventually

RULES = STACK / "prometheus" / "rules"
TESTS = ROOT / "tests" / "observability" / "rules"
ALERTS = [RULES / "alerts.yaml", *sorted(STACK.glob("loki/rules/*/*.yaml"))]


def rules(path):
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.plain
@pytest.mark.parametrize("path", sorted(TESTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_unit_tests_pass(path):
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.plain
@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_rule_has_a_unit_test(path):
    tests = yaml.safe_load((TESTS / path.name).read_text())["tests"]
    firing = {each["alertname"] for test in tests for each in test.get("alert_rule_test", []) if each["exp_alerts"]}
    asked = " ".join(each["expr"] for test in tests for each in test.get("promql_expr_test", []) if each["exp_samples"])
    for rule in rules(path):
        tested = rule["record"] in asked if "record" in rule else rule["alert"] in firing
        assert tested, f"{rule} is not tested in {TESTS / path.name}"


@pytest.mark.plain
def test_all_increments_are_made_in_the_same_way():
    made = rules(RULES / "increments.yaml")
    names = [rule["record"].split(":")[0] for rule in made[::2]]
    assert [(rule["record"], rule["expr"]) for rule in made] == [each for name in names for each in (
        (f"{name}:increase1m", f"({name}_total - last_over_time({name}:counted[1h])) >= 0 or {name}_total"),
        (f"{name}:counted", f"{name}_total"))]


@pytest.mark.plain
def test_each_counter_of_the_inventory_has_increments():
    counters = {prometheus_name(metric, kind, unit).removesuffix("_total") for service in services().values()
                for metric, (kind, unit) in service.units.items() if kind == "counter"}
    assert {rule["record"].split(":")[0] for rule in rules(RULES / "increments.yaml")} == counters


@pytest.mark.plain
def test_each_alert_names_a_dashboard_that_exists():
    titles = {dashboard["title"] for dashboard in dashboards().values()}
    texts = [text for path in ALERTS for rule in rules(path) for text in rule.get("annotations", {}).values()]
    named = [title for text in texts for title in re.findall(r'dashboard "(.*?)"', text)]
    assert len(named) == 7 and set(named) <= titles


@pytest.mark.plain
def test_the_document_names_each_alert():
    document = (ROOT / "docs" / "dashboards.md").read_text()
    alerts = [rule["alert"] for path in ALERTS for rule in rules(path) if "alert" in rule]
    assert re.findall(r"^\| ([A-Z]\w+) \|.* \|.* \|$", document.partition("## Alerts")[2], re.M) == alerts


def in_minutes(number, unit):
    return int(number) * {"m": 1, "h": 60, "d": 1440}[unit[0]]


@pytest.mark.plain
def test_the_document_has_the_limits_and_the_times_of_each_alert():
    document = (ROOT / "docs" / "dashboards.md").read_text().partition("## Alerts")[2]
    said = dict(re.findall(r"^\| ([A-Z]\w+) \| (.*?) \|.* \|$", document, re.M))
    for rule in (rule for path in ALERTS for rule in rules(path) if "alert" in rule):
        words = said[rule["alert"]]
        for word, number in (("a tenth", "0.1"), ("an hour", "1 hour"), ("five", "5"), ("ten", "10"), ("twice", "2")):
            words = re.sub(rf"\b{word}\b", number, words)
        limits = set(re.findall(r"(>=?) ([\d.]+)$|(>=?) ([\d.]+)\s", rule["expr"], re.M))
        limits = {tuple(filter(None, found)) for found in limits} - {(">", "0")}
        assert limits == {(">", number) for number in re.findall(r"more than ([\d.]+)", words)} | {
            (">=", number) for number in re.findall(r"([\d.]+) or more", words)}, rule["alert"]
        times = {in_minutes(*found) for found in re.findall(r"\[(\d+)([mhd])\]", rule["expr"])} | {
            in_minutes(*found) for found in re.findall(r":increase(\d+)(d)", rule["expr"])}
        named = {in_minutes(*found) for found in re.findall(r"(\d+) (minutes?|hours?)", words)}
        assert named <= times and (named or not limits or rule["alert"] == "TelemetryStopped"), rule["alert"]


# Counters of a running Prometheus ---------------------------------------------------------------------------------------


class Counting(Stores):
    """The stack's collector and stores. The rules for increments are evaluated each second."""

    def _start(self, name, program, words, env=None):
        if name == "prometheus":
            rules = self.directory / "configuration" / "rules"
            rules.mkdir(parents=True, exist_ok=True)
            text = (RULES / "increments.yaml").read_text()
            assert "interval: 1m" in text
            (rules / "increments.yaml").write_text(text.replace("interval: 1m", "interval: 1s"))
            shutil.copy(STACK / "prometheus/prometheus.yaml", rules.parent)
            words = moved(words, {str(STACK / "prometheus"): rules.parent})
            self.start_prometheus = lambda: self._start_again(name, program, words)
        super()._start(name, program, words, env)

    def stop_prometheus(self):
        self._programs.pop(0).end()

    def _start_again(self, name, program, words):
        super()._start(name, program, words)
        self._programs.insert(0, self._programs.pop())
        self._await(name, "/-/ready")

    def send(self, delta, ago=0):
        """Sends what a session cost, with a time so many seconds ago."""
        moment = str(int((time.time() - ago) * 1e9))
        point = {"attributes": [{"key": "session.id", "value": {"stringValue": "one"}}], "startTimeUnixNano": moment,
                 "timeUnixNano": moment, "asDouble": delta}
        metric = {"name": "claude_code.cost.usage", "unit": "USD",
                  "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [point]}}
        request = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [metric]}]}]}
        with self.network.entered():
            collector = http.client.HTTPConnection("127.0.0.1", 4318, timeout=10)
            collector.request("POST", "/v1/metrics", json.dumps(request), {"Content-Type": "application/json"})
            assert collector.getresponse().status == 200

    def counted(self):
        return sum(value for _, value in self.prometheus.query("sum_over_time(claude_code_cost_usage_USD:increase1m[5m])"))


@pytest.fixture
def counting(tmp_path):
    if reason := missing():
        pytest.skip(reason)
    with contextlib.closing(everywhere()) as network, Counting(network, tmp_path) as made:
        yield made


def test_a_value_that_arrives_late_is_counted_once(counting):
    counting.send(4, ago=30)
    eventually(lambda: counting.counted() == 4, "the first value is counted")
    counting.send(5, ago=15)
    eventually(lambda: counting.counted() == 9, "the second value is counted")
    time.sleep(3)
    assert counting.counted() == 9


def test_what_happens_while_prometheus_is_down_is_counted_once(counting):
    counting.send(4)
    eventually(lambda: counting.counted() == 4, "the first value is counted")
    counting.stop_prometheus()
    counting.send(5)
    time.sleep(3)
    counting.start_prometheus()
    counting.send(7)
    eventually(lambda: counting.counted() == 16, "all values are counted")
    time.sleep(3)
    assert counting.counted() == 16
