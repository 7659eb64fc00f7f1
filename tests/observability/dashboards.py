"""The dashboards of container/stack/grafana/dashboards as tests see them."""

import json
import re
from typing import NamedTuple

from support.project import ROOT

FOLDER = ROOT / "container" / "stack" / "grafana" / "dashboards"
KINDS = {"prometheus": "metrics", "loki": "logs", "tempo": "traces"}
# Variables as Grafana fills them in when "All" is selected.
ALL = {"service": ".+", "team": ".*", "session": ".*"}


class Query(NamedTuple):
    """One target of a panel."""
    dashboard: str  # the file's name without .json
    panel: str  # its title
    letter: str
    kind: str  # metrics, logs or traces
    text: str
    instant: bool
    legend: str

    def __str__(self):
        return f"{self.dashboard}: {self.panel}: {self.letter}"

    def filled(self, span, interval=60, **variables):
        """The text with the values of variables. `span` and `interval` are in seconds."""
        return filled(self.text, __range=f"{int(span)}s", __interval=f"{interval}s", **variables)


def filled(text, **variables):
    values = ALL | variables
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)


def dashboards():
    """Each dashboard's JSON by its file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(dashboard):
    """The panels that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(kind=None):
    found = [Query(name, panel["title"], target["refId"], KINDS[target["datasource"]["type"]],
                   target.get("expr", target.get("query")), bool(target.get("instant")) or target.get("queryType") == "instant",
                   target.get("legendFormat", ""))
             for name, dashboard in dashboards().items() for panel in panels(dashboard) for target in panel["targets"]]
    return [query for query in found if kind in (None, query.kind)]
