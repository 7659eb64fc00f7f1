"""Draws dashboards roughly as Grafana does, from the data of real sessions: PromQL is answered by the real Prometheus, LogQL and
TraceQL by logql.py and traceql.py over the records and spans of the real stores.

    picture(dashboard, Answers(session, {}))    (the SVG, the titles of the panels that show nothing)
"""

import datetime
import time

from observability.dashboards import KINDS, filled, panels
from observability.render import logql, svg, traceql
from support.inventory import label

HEAD = 50  # height of the title
INTERVAL = 60


class Answers:
    """`variables`: values for the dashboards' variables; All without one."""

    def __init__(self, session, variables):
        self._metrics, self.start, self.end = session.stores.prometheus, session.start, session.end
        self.variables = {"service": "All", "team": "All", "session": "All"} | variables
        self._variables = variables | {"__range": f"{int(self.end - self.start)}s", "__interval": f"{INTERVAL}s"}
        self.records = sorted(map(_record, session.stores.logs.query()), key=lambda record: record.time)
        self.spans = [_span(span) for spans in session.stores.jaeger.traces("claude-code") for span in spans]

    def now(self, target):
        """An instant query: {labels: value}."""
        query = self.text(target)
        if _kind(target) == "logs":
            return logql.at(query, self.records, self.end)
        return {tuple(labels.items()): value for labels, value in self._metrics.query(query, time=self.end)}

    def over_time(self, target):
        """A range query: [(labels, [(time, value)])]."""
        query = self.text(target)
        if _kind(target) == "metrics":
            return [(tuple(labels.items()), points)
                    for labels, points in self._metrics.query_range(query, self.start, self.end, INTERVAL)]
        found, moment = {}, self.start
        while moment <= self.end:
            for labels, value in logql.at(query, self.records, moment).items():
                found.setdefault(labels, []).append((moment, value))
            moment += INTERVAL
        return list(found.items())

    def text(self, target):
        return filled(target.get("expr", target.get("query")), **self._variables)


def picture(dashboard, answers):
    canvas = svg.Canvas()
    canvas.text(svg.GAP, 22, dashboard["title"], 18, weight="600")
    canvas.text(svg.GAP, 42, "   ".join(
        f"{variable['label']}: {answers.variables.get(variable['name'], '')}" for variable in dashboard["templating"]["list"])
        + f"   {_clock(answers.start)} to {_clock(answers.end)} UTC", 12, svg.DIM)
    empty, bottom = [], 0
    for panel in panels(dashboard):
        area = svg.Area(canvas, panel["gridPos"], HEAD)
        bottom = max(bottom, area.y + area.height)
        svg.frame(area, panel["title"])
        if not DRAW[panel["type"]](area, panel, answers):
            empty.append(panel["title"])
            svg.nothing(area, panel["fieldConfig"]["defaults"]["noValue"])
    return canvas.document(svg.COLUMN * 24 + svg.GAP, bottom + svg.GAP, dashboard["title"]), empty


# Panels: each function draws what there is, and says whether there is something ----------------------------------------------


def _stat(area, panel, answers):
    found = answers.now(panel["targets"][0])
    if not found:
        return False
    (value,) = found.values()
    defaults = panel["fieldConfig"]["defaults"]
    color = [step["color"] for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]][-1]
    svg.big_number(area, svg.number(value, defaults["unit"], defaults.get("decimals")), color)
    return True


def _timeseries(area, panel, answers):
    series = [(_legend(target, labels), points) for target in panel["targets"] for labels, points in answers.over_time(target)]
    defaults = panel["fieldConfig"]["defaults"]
    svg.chart(area, series, answers.start, answers.end, defaults["unit"], defaults["custom"]["stacking"]["mode"] == "normal")
    return bool(series)


def _bargauge(area, panel, answers):
    target = panel["targets"][0]
    values = [(_legend(target, labels), value) for labels, value in answers.now(target).items()]
    svg.bars(area, values, panel["fieldConfig"]["defaults"]["unit"])
    return bool(values)


def _table(area, panel, answers):
    if _kind(panel["targets"][0]) == "traces":
        found = traceql.traces(answers.text(panel["targets"][0]), answers.spans)
        svg.table(area, ["Trace", "Start", "Name", "Duration"], [
            [trace[:12], _clock(first.start), first.name, svg.number(end - first.start, "s")] for trace, first, end in found])
        return bool(found)
    names = panel["transformations"][-1]["options"]["renameByName"]
    units = {override["matcher"]["options"]: each["value"] for override in panel["fieldConfig"]["overrides"]
             for each in override["properties"] if each["id"] == "unit"}
    labels = [name for name in names if not name.startswith("Value")]
    headings = list(names.values())
    rows = {}
    for place, target in enumerate(panel["targets"]):
        for found, value in answers.now(target).items():
            key = tuple(dict(found).get(name, "") for name in labels)
            rows.setdefault(key, [None] * len(panel["targets"]))[place] = value
    order = headings.index(panel["options"]["sortBy"][0]["displayName"]) - len(labels)
    shown = [[name or "–" for name in key] + [
        "" if value is None else svg.number(value, units[heading]) for heading, value in zip(headings[len(labels):], values)]
        for key, values in sorted(rows.items(), key=lambda row: -(row[1][order] or 0))]
    svg.table(area, headings, shown)
    return bool(shown)


def _logs(area, panel, answers):
    found = logql.records(answers.text(panel["targets"][0]), answers.records)
    if panel["options"]["sortOrder"] == "Descending":
        found = found[::-1]
    svg.log(area, [(record.time, record.line, _color(record)) for record in found])
    return bool(found)


def _traces(area, panel, answers):
    of = answers.text(panel["targets"][0])
    spans = traceql.ordered([span for span in answers.spans if span.trace == of])
    if spans:
        svg.waterfall(area, [(depth, span.name, span.start, span.seconds) for depth, span in spans])
    return bool(spans)


DRAW = {"stat": _stat, "timeseries": _timeseries, "bargauge": _bargauge, "table": _table, "logs": _logs, "traces": _traces}


# Data of the stores ------------------------------------------------------------------------------------------------------


def _kind(target):
    return KINDS[target["datasource"]["type"]]


def _record(stored):
    """A record of VictoriaLogs as Loki has it: its attributes, but no name."""
    labels = {label(name): value for name, value in stored.items() if not name.startswith("_") and name != "event_name"}
    return logql.Record(datetime.datetime.fromisoformat(stored["_time"][:26].rstrip("Z") + "+00:00").timestamp(), labels,
                        stored["_msg"])


def _span(stored):
    parents = [each["spanID"] for each in stored["references"] if each["refType"] == "CHILD_OF"]
    return traceql.Span(stored["traceID"], stored["spanID"], parents[0] if parents else "", stored["operationName"],
                        stored["startTime"] / 1e6, stored["duration"] / 1e6,
                        {tag["key"]: tag["value"] for tag in stored["tags"]}, {"service.name": "claude-code"})


def _legend(target, labels):
    text = target["legendFormat"]
    for name, value in labels:
        text = text.replace("{{" + name + "}}", value)
    return " ".join(word for word in text.split() if "{{" not in word) or "–"


def _color(record):
    if record.labels["service_name"] == "ostiary":
        return svg.NAMED["orange" if ".deny" in record.labels["event_name"] else "blue"]
    failed = "error" in record.labels["event_name"] or record.labels.get("success") == "false"
    return svg.NAMED["red" if failed else "green"]


def _clock(moment):
    return time.strftime("%H:%M:%S", time.gmtime(moment))
