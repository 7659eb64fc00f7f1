"""The part of TraceQL that the dashboards use, over spans in memory."""

import re
from dataclasses import dataclass

OPERATORS = {"=": lambda value, wanted: value == wanted, ">": lambda value, wanted: value is not None and value > wanted,
             "=~": lambda value, wanted: value is not None and bool(re.fullmatch(wanted, value))}


@dataclass
class Span:
    trace: str
    id: str
    parent: str  # empty for the first
    name: str
    start: float
    seconds: float
    attributes: dict
    resource: dict


def matching(query, spans):
    """The spans that fulfil all conditions of `{ a && b }`."""
    conditions = [re.fullmatch(r'\s*(\S+) (=~|=|>) (.*?)\s*', each).groups() for each in query.strip("{} ").split("&&")]
    return [span for span in spans if all(OPERATORS[sign](_value(span, field), _literal(wanted))
                                          for field, sign, wanted in conditions)]


def traces(query, spans):
    """(trace, first span, last moment) of the traces that have a matching span, the newest first."""
    found = []
    for trace in {span.trace for span in matching(query, spans)}:
        of = sorted((span for span in spans if span.trace == trace), key=lambda span: span.start)
        first = next((span for span in of if not span.parent), of[0])
        found.append((trace, first, max(span.start + span.seconds for span in of)))
    return sorted(found, key=lambda each: -each[1].start)


def ordered(spans):
    """(depth, span) of one trace, each behind its parent."""
    known = {span.id for span in spans}

    def below(parent, depth):
        for span in sorted(spans, key=lambda span: span.start):
            if (span.parent if span.parent in known else "") == parent:
                yield depth, span
                yield from below(span.id, depth + 1)
    return list(below("", 0))


def _value(span, field):
    if field == "name":
        return span.name
    place, _, name = field.partition(".")
    return (span.attributes if place == "span" else span.resource).get(name.strip('"'))


def _literal(text):
    if text in ("true", "false"):
        return text == "true"
    return text.strip('"') if text.startswith('"') else float(text)
