"""What the dashboards share: data sources, variables, expressions, panels, and the grid.

A dashboard is a list of rows, and a row is a list of panels. A panel says what it asks and what it shows; this file writes
that in the form of Grafana 12.
"""

SCHEMA_VERSION = 41
COLUMNS = 24  # of Grafana's grid

# Data sources, with the fixed UIDs of container/stack/grafana/datasources.yaml.
METRICS = {"type": "prometheus", "uid": "metrics"}
LOGS = {"type": "loki", "uid": "logs"}
TRACES = {"type": "tempo", "uid": "traces"}

# Units, as Grafana calls them.
NUMBER, USD, SECONDS, MILLISECONDS, OCTETS, SHARE, TEXT = "short", "currencyUSD", "s", "ms", "bytes", "percentunit", "string"

# Conditions in PromQL and LogQL.
AGENTS = 'service_name=~"$service", team=~"$team"'
ONE_SESSION = 'service_name=~"$service", session_id="$session"'
OSTIARY = 'service_name="ostiary"'
AGENTS_AND_OSTIARY = 'service_name=~"$service|ostiary"'
IN_TEAM, IN_SESSION = 'team=~"$team"', 'session_id=~"$session"'
# Of ostiary's records, those that an agent caused: not the boot's self-test, nor the kernel, which reports to multicast groups.
NOT_SELF_TEST = 'ostiary_by=""'
BY_AGENT = NOT_SELF_TEST, 'ostiary_address!~"ff02::(2|16)"'
# What became of telemetry that its collector will never have, of ostiary.relay.posts.
LOST = 'outcome=~"refused|rejected_in_part|displaced"'

# Events of ostiary, by names with spaces between them.
DENIALS = "ostiary.deny_name ostiary.deny_packet ostiary.deny_tls ostiary.deny_http ostiary.deny_other"

# Why a panel is empty.
NO_TRACES = "traces are not exported: CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 and OTEL_TRACES_EXPORTER=otlp."


# Variables ------------------------------------------------------------------------------------------------------------


def _choice(name, title, label, of, *, every, description):
    """A variable whose values are those of a label. `every`: the regular expression of All, or None for one value only."""
    query = f"label_values({of}, {label})"
    several = every is not None
    return {
        "name": name, "label": title, "description": description, "type": "query", "datasource": METRICS,
        "definition": query, "query": {"qryType": 1, "query": query, "refId": name}, "regex": "", "refresh": 2, "sort": 1, "hide": 0,
        "skipUrlSync": False, "options": [], "multi": several, "includeAll": several,
        **({"allValue": every, "current": {"text": ["All"], "value": ["$__all"]}} if several else
           {"current": {"text": "", "value": ""}}),
    }


_ACTIVE = "claude_code_active_time_seconds:increase1m"
_OF_TEAM = f"{_ACTIVE}{{{AGENTS}}}"

SERVICE = _choice("service", "Service", "service_name", _ACTIVE, every=".+", description="The agents' service.name.")
TEAM = _choice("team", "Team", "team", _ACTIVE, every=".*",
               description="The resource attribute team. All includes agents that have none.")
SESSION = _choice("session", "Session", "session_id", _OF_TEAM, every=None,
                  description="One session that was active in this time.")
SESSIONS = _choice("session", "Session", "session_id", _OF_TEAM, every=".*",
                   description="Sessions that were active in this time. All includes events without a session.")
TRACE = {
    "name": "trace", "label": "Trace", "description": "The trace that is shown. Click an id in the list of traces.",
    "type": "textbox", "query": "", "hide": 0, "skipUrlSync": False, "current": {"text": "", "value": ""}, "options": [],
}

# Expressions ----------------------------------------------------------------------------------------------------------


def total(counter, by="", of=AGENTS, over="$__range"):
    """PromQL: what a counter grew by. increments.yaml makes the records."""
    group = f" by ({by})" if by else ""
    return f"sum{group} (sum_over_time({counter}:increase1m{{{of}}}[{over}]))"


def each_interval(counter, by="", of=AGENTS):
    return total(counter, by, of, over="$__interval")


def sessions(by="", over="$__range"):
    """PromQL: the sessions whose active time grew. The counter of started sessions has one sample a session."""
    group = f" by ({by})" if by else ""
    labels = ", ".join(filter(None, (by, "session_id")))
    return f"count{group} ({total('claude_code_active_time_seconds', labels, over=over)} > 0)"


def events(names, *where, of='service_name=~"$service"'):
    """LogQL: the records with these event names. `where`: conditions on their attributes."""
    match = f'event_name=~"{"|".join(names.split())}"' if " " in names else f'event_name="{names}"'
    return " | ".join((f"{{{of}}}", match, *where))


def count(selected, by="", over="$__range"):
    """LogQL: how many records."""
    group = f" by ({by})" if by else ""
    return f"sum{group} (count_over_time({selected} [{over}]))"


def add_up(selected, attribute, by="", over="$__range"):
    """LogQL: the sum of an attribute."""
    group = f" by ({by})" if by else ""
    return f"sum{group} (sum_over_time({selected} | unwrap {attribute} [{over}]))"


def quantile(share, selected, attribute, by):
    return f"quantile_over_time({share}, {selected} | unwrap {attribute} [$__interval]) by ({by})"


def shown(selected, lines):
    """LogQL: each record as one line. `lines` has the line's template for each event name."""
    words = [f'{{{{ {"else " if number else ""}if eq .event_name "{name}" }}}}{line}'
             for number, (name, line) in enumerate(lines.items())]
    return f"{selected} | line_format `{''.join(words)}{{{{ else }}}}{{{{ __line__ }}}}{{{{ end }}}}`"


# Targets --------------------------------------------------------------------------------------------------------------


def _letters(targets):
    return [{"refId": chr(ord("A") + number), **target} for number, target in enumerate(targets)]


def _metrics(expression, legend="", instant=False, table=False):
    return {"datasource": METRICS, "editorMode": "code", "expr": expression, "legendFormat": legend or "__auto", "instant": instant,
            "range": not instant, "format": "table" if table else "time_series"}


def _logs(expression, legend="", instant=False, lines=None):
    return {"datasource": LOGS, "editorMode": "code", "expr": expression, "legendFormat": legend,
            "queryType": "instant" if instant else "range", **({"maxLines": lines} if lines else {})}


def _target(expression, legend="", instant=False, table=False):
    """A query for either data source: only LogQL has a pipeline."""
    if " | " in expression:
        return _logs(expression, legend, instant)
    return _metrics(expression, legend, instant, table)


# Panels ---------------------------------------------------------------------------------------------------------------


def _panel(kind, title, description, empty, targets, *, width, unit=NUMBER, defaults=None, custom=None, overrides=(),
           options=None, transformations=()):
    """`description` says what the panel shows, `empty` why it may show nothing."""
    targets = _letters(targets)
    panel = {
        "type": kind, "title": title, "description": f"{description} Empty: {empty}", "datasource": targets[0]["datasource"],
        "targets": targets, "interval": "1m", "width": width,
        "fieldConfig": {"defaults": {"unit": unit, "noValue": f"Nothing: {empty}", **(defaults or {}),
                                     **({"custom": custom} if custom else {})},
                        "overrides": list(overrides)},
        "options": options or {},
    }
    if transformations:
        panel["transformations"] = list(transformations)
    return panel


def _steps(steps):
    """`steps`: a color for each value from which it holds; the first holds below."""
    first, *rest = steps
    return {"mode": "absolute", "steps": [{"color": first, "value": None},
                                          *({"color": color, "value": value} for color, value in rest)]}


_TABLE = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"}
_NO_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []}
_LAST = {"values": False, "calcs": ["lastNotNull"], "fields": ""}


def stat(title, expression, description, empty, *, unit=NUMBER, width=None, steps=("blue",), decimals=None):
    """One number. An empty one is shown as a dash."""
    defaults = {"thresholds": _steps(steps), "color": {"mode": "thresholds"}, "noValue": "–"}
    if decimals is not None:
        defaults["decimals"] = decimals
    return _panel("stat", title, description, empty, [_target(expression, instant=True)], width=width, unit=unit,
                  defaults=defaults, options={
                      "reduceOptions": _LAST, "orientation": "auto", "textMode": "value", "colorMode": "value",
                      "graphMode": "none", "justifyMode": "center", "wideLayout": True, "showPercentChange": False,
                      "percentChangeColorMode": "standard"})


def graph(title, queries, description, empty, *, unit=NUMBER, width=None, bars=False):
    """Lines over time, or stacked bars. `queries`: expressions by their legend."""
    custom = {"drawStyle": "bars" if bars else "line", "lineWidth": 1, "fillOpacity": 80 if bars else 10,
              "lineInterpolation": "linear", "showPoints": "never" if bars else "auto", "pointSize": 5,
              "spanNulls": False, "axisPlacement": "auto", "stacking": {"mode": "normal" if bars else "none", "group": "A"}}
    return _panel("timeseries", title, description, empty,
                  [_target(expression, legend) for legend, expression in queries.items()], width=width, unit=unit,
                  defaults={"color": {"mode": "palette-classic"}, "min": 0}, custom=custom, options={
                      "legend": {**_NO_LEGEND, "showLegend": True},
                      "tooltip": {"mode": "multi", "sort": "desc"}})


def ranking(title, expression, legend, description, empty, *, unit=NUMBER, width=None):
    """A bar for each value of a label, the longest first."""
    return _panel("bargauge", title, description, empty, [_target(f"sort_desc({expression})", legend, instant=True)],
                  width=width, unit=unit,
                  defaults={"color": {"mode": "palette-classic"}, "min": 0, "thresholds": _steps(["blue"])},
                  options={"reduceOptions": _LAST, "orientation": "horizontal", "displayMode": "basic", "valueMode": "color",
                           "namePlacement": "left", "showUnfilled": True, "sizing": "auto", "minVizWidth": 8,
                           "minVizHeight": 16, "maxVizHeight": 30, "legend": _NO_LEGEND})


def table(title, queries, labels, description, empty, *, width=None, links=None):
    """A row for each combination of labels, the one with the largest value of the first query first.

    queries: (expression, unit) by the heading of its column
    labels: the heading of each label's column
    links: the address to which the values of a heading lead
    """
    targets = [_target(expression, instant=True, table=True) for expression, _ in queries.values()]
    alone = len(targets) == 1 and targets[0]["datasource"] == METRICS
    columns = ["Value"] if alone else [f"Value #{letter['refId']}" for letter in _letters(targets)]
    names = {**labels, **dict(zip(columns, queries))}
    overrides = [_override(heading, "unit", unit) for heading, (_, unit) in queries.items()]
    overrides += [_override(heading, "mappings", [{"type": "special", "options": {
        "match": "empty", "result": {"index": 0, "text": "–"}}}]) for heading in labels.values()]
    overrides += [_override(heading, "links", [{"title": "Open", "url": url}]) for heading, url in (links or {}).items()]
    order = [*labels, *columns]
    return _panel("table", title, description, empty, targets, width=width, overrides=overrides,
                  defaults={"thresholds": _steps(["blue"])},
                  custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": True},
                  options={**_TABLE,
                           "sortBy": [{"displayName": next(iter(queries)), "desc": True}]},
                  transformations=[
                      {"id": "merge", "options": {}},
                      {"id": "organize", "options": {
                          "excludeByName": {"Time": True}, "includeByName": {},
                          "indexByName": {name: place for place, name in enumerate(order)}, "renameByName": names}}])


def _override(heading, property, value):
    return {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": property, "value": value}]}


def records(title, selected, description, empty, *, width=None, newest_first=True, lines=500):
    """The records themselves, one a line."""
    return _panel("logs", title, description, empty, [_logs(selected, lines=lines)], width=width, unit=TEXT, options={
        "showTime": True, "showLabels": False, "showCommonLabels": False, "wrapLogMessage": True,
        "prettifyLogMessage": False, "enableLogDetails": True, "showLogContextToggle": False, "dedupStrategy": "none",
        "sortOrder": "Descending" if newest_first else "Ascending"})


def traces(title, query, description, empty, *, width=None, link=None):
    """The list of the traces, or with "spans" of the spans, that match a query in TraceQL."""
    overrides = [_override("traceID", "links", [{"title": "Open", "url": link}])] if link else []
    return _panel("table", title, description, empty, [{
        "datasource": TRACES, "queryType": "traceql", "query": query, "limit": 50, "tableType": "traces", "filters": []}],
        width=width, overrides=overrides, defaults={"thresholds": _steps(["blue"])},
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
        options=_TABLE)


def trace(title, query, description, empty, *, width=None):
    """One trace as a waterfall."""
    return _panel("traces", title, description, empty,
                  [{"datasource": TRACES, "queryType": "traceql", "query": query, "filters": []}], width=width)


# Dashboards -----------------------------------------------------------------------------------------------------------


def row(*panels, height=8):
    """Panels side by side. Those without a width share what the others leave."""
    return {"height": height, "panels": panels}


def dashboard(name, title, description, *rows, variables, since="now-24h"):
    return {
        "uid": f"ostiary-{name}", "title": title, "description": description, "tags": ["claude-code", "ostiary"],
        "schemaVersion": SCHEMA_VERSION, "editable": True, "graphTooltip": 1, "refresh": "1m", "timezone": "browser",
        "time": {"from": since, "to": "now"}, "timepicker": {}, "templating": {"list": list(variables)},
        "annotations": {"list": []},
        "links": [{"title": "Dashboards", "type": "dashboards", "tags": ["ostiary"], "asDropdown": True, "keepTime": True,
                   "includeVars": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
        "panels": list(_placed(rows)),
    }


def _placed(rows):
    number, y = 1, 0
    for each in rows:
        x = 0
        for panel, width in zip(each["panels"], _widths(each["panels"])):
            del panel["width"]
            yield {"id": number, **panel, "gridPos": {"h": each["height"], "w": width, "x": x, "y": y}}
            number, x = number + 1, x + width
        y += each["height"]


def _widths(panels):
    free = COLUMNS - sum(panel["width"] or 0 for panel in panels)
    shares = sum(panel["width"] is None for panel in panels)
    for panel in panels:
        if panel["width"]:
            yield panel["width"]
        else:
            width = free // shares
            free, shares = free - width, shares - 1
            yield width
