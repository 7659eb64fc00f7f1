"""docs/audit.md as a table: which fields each event has, in which order, and which of them may be missing."""

import re

from support.project import ROOT

DOCUMENT = ROOT / "docs" / "audit.md"


def documented():
    """{event: [{field: may be missing}]}, one for each of its tables."""
    events = {}
    for part in re.split(r"^## ", DOCUMENT.read_text(), flags=re.M)[1:]:
        name = re.match(r"`(\w+)`", part)
        if not name:
            continue
        tables = re.findall(r"^\| field \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", part, flags=re.M)
        events[name[1]] = [_fields(table) for table in tables]
    return events


def kinds_of_denials():
    """Of the tables of deny, in their order."""
    return re.findall(r"^\| `kind` \| `(\w+)`", DOCUMENT.read_text(), flags=re.M)


def _fields(table):
    rows = [re.match(r"\| `(\w+)` \| (.*) \|", line) for line in table.splitlines()]
    alternatives = any("or instead" in row[2] for row in rows)
    return {row[1]: "if known" in row[2] or "or instead" in row[2] or (alternatives and row[1] == "signal")
            for row in rows}


def problem_with(line, events):
    """Why an event is not as documented, or None."""
    if list(line)[:2] != ["time", "event"]:
        return "does not begin with time and event"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]):
        return "has an odd time"
    if line["event"] not in events:
        return "is not documented"
    fields = [name for name in list(line)[2:] if name != "road"]
    for table in events[line["event"]]:
        in_order = [name for name in table if name in fields]
        missing = [name for name, optional in table.items() if not optional and name not in fields]
        if fields == in_order and not missing:
            return None
    return f"has the fields {fields}"
