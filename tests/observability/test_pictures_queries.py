"""The evaluators of LogQL and TraceQL behind the pictures of dashboards."""

import pytest

from observability.render import logql, traceql
from observability.render.logql import Record
from observability.render.traceql import Span

RECORDS = [
    Record(10, {"service_name": "claude-code", "event_name": "tool_result", "tool_name": "Bash", "ms": "4"}, "first"),
    Record(20, {"service_name": "claude-code", "event_name": "tool_result", "tool_name": "Bash", "ms": "8"}, "second"),
    Record(30, {"service_name": "claude-code", "event_name": "tool_result", "tool_name": "Read", "ms": "1"}, "third"),
    Record(40, {"service_name": "ostiary", "event_name": "ostiary.deny_name"}, "denied"),
]
TOOLS = '{service_name=~"claude.*"} | event_name="tool_result"'


@pytest.mark.parametrize("query, time, expected", [
    (f"sum (count_over_time({TOOLS} [1m]))", 50, {(): 3}),
    (f"sum (count_over_time({TOOLS} [15s]))", 30, {(): 2}),  # not the one of 10, and not later ones
    (f"sum by (tool_name) (sum_over_time({TOOLS} | unwrap ms [1m]))", 50,
     {(("tool_name", "Bash"),): 12, (("tool_name", "Read"),): 1}),
    (f"max_over_time({TOOLS} | unwrap ms [1m]) by (tool_name)", 15, {(("tool_name", "Bash"),): 4}),
    (f"quantile_over_time(0.5, {TOOLS} | unwrap ms [1m]) by (event_name)", 50, {(("event_name", "tool_result"),): 4}),
    (f'sum (count_over_time({TOOLS} | tool_name!="Bash" [1m])) / sum (count_over_time({TOOLS} [1m]))', 50, {(): 1 / 3}),
    (f"sum (count_over_time({TOOLS} [1m])) > 3", 50, {}),
    (f"sum (count_over_time({TOOLS} [1m])) > 2 and sum (count_over_time({TOOLS} [1m])) > 3", 50, {}),
    ('sum (count_over_time({service_name="ostiary"} | ostiary_by="" | ostiary_by!~"self.*" [1m]))', 50, {(): 1}),
])
def test_a_query_for_numbers(query, time, expected):
    assert logql.at(query, RECORDS, time) == expected


def test_each_record_is_written_by_the_template_of_its_event():
    template = ('{{ if eq .event_name "a" }}{{ .tool_name }} {{ .none }}{{ else if eq .event_name "tool_result" }}'
                '{{ .tool_name }}: {{ printf "%.2f" (float64 .ms) }}{{ else }}other: {{ __line__ }}{{ end }}')
    lines = [record.line for record in logql.records(f'{{service_name=~".+"}} | line_format `{template}`', RECORDS[2:])]
    assert lines == ["Read: 1.00", "other: denied"]


def test_traces_with_a_matching_span_are_found_newest_first():
    def span(trace, id, parent, start, **attributes):
        name = "request" if parent else "interaction"
        return Span(trace, id, parent, name, start, 1, attributes, {"service.name": "claude-code"})
    spans = [span("t1", "a", "", 0), span("t1", "b", "a", 1, attempt=2), span("t2", "c", "", 5),
             span("t2", "d", "c", 6, attempt=3), span("t3", "e", "", 9, attempt=1)]
    found = traceql.traces('{ resource.service.name =~ "claude.*" && name = "request" && span.attempt > 1 }', spans)
    assert [(trace, first.id, end) for trace, first, end in found] == [("t2", "c", 7), ("t1", "a", 2)]
    assert [(depth, each.id) for depth, each in traceql.ordered(spans[:2])] == [(0, "a"), (1, "b")]
