"""The journal of the audit: one event a line, as JSON."""

import json

JOURNAL = "/var/log/ostiary/audit.jsonl"


def events_in(text, event=None, **fields):
    """The events that have these fields. The last line may still be written."""
    events = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [each for each in events if event in (None, each["event"])
            and all(each.get(name) == value for name, value in fields.items())]
