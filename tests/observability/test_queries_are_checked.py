"""support.queries finds what is wrong with a query: its grammar, its fields, and what finds nothing with this stack."""

import shutil

import pytest

from support.queries import GRAMMAR, problems

CORRECT = {
    "promql": (
        "sum by (team, model) (sum_over_time(claude_code_cost_usage_USD:increase1m{service_name=~\"$service\"}[$__range]))",
        'topk(5, sum by (session_id) (sum_over_time(claude_code_token_usage_tokens:increase1m{type="cacheRead"}[1d])))',
        "sum(ostiary_relay_queue_octets_bytes) / 2^20 > bool 0",
        'sum by (kind) (ostiary_denials_total) / on () group_left sum(ostiary_denials_total)',
        'label_replace(ostiary_helper_restarts_total, "who", "$1", "helper", "(.*)")',
        "count(count by (session_id) (last_over_time(claude_code_active_time_seconds_total[1h]))) or vector(0)",
        "time() - max by (service_name) (timestamp(ostiary_relay_queue_posts))"),
    "logql": (
        '{service_name=~"$service"} | event_name="api_error" | status_code = 529',
        '{service_name=~"claude-code|ostiary"} | session_id="x" | line_format "{{.event_name}} {{ or .tool_name .ostiary_name }}"',
        'sum by (model) (sum_over_time({service_name="claude-code"} | event_name="api_request" | unwrap cost_usd [1h]))',
        'quantile_over_time(0.9, {service_name="claude-code"} | event_name=~"tool_result|compaction" | unwrap duration_ms [$__auto])'
        ' by (tool_name)',
        '{service_name="ostiary"} |= "denied" | event_name="ostiary.deny_name" or event_name="ostiary.deny_packet" | ostiary_by=""',
        '{service_name="claude-code"} | event_name="tool_result" | line_format "{{.tool_parameters}}"'
        ' | json command="full_command" | command=~"git.*"'),
    "traceql": (
        '{ resource.service.name = "claude-code" && name = "claude_code.llm_request" && span.ttft_ms > 2000 }',
        '{ span."session.id" = "x" } >> { name =~ "claude_code\\\\.tool|claude_code\\\\.tool\\\\.execution" && span.duration_ms > 5 }',
        '{ name = "claude_code.llm_request" } | quantile_over_time(span.duration_ms, 0.9) by (span.model)',
        '{ name = "claude_code.tool.execution" && span.success = false } | select(span.error_class, duration)',
        '{ status = error && event.attempt > 1 && resource.team != nil }'),
}
WRONG = {
    "promql": {
        "sum(claude_code_cost_usage_USD_total": "not valid at character 37",
        "rate(claude_code_cost_usage_USD_total)": "expected type range vector",
        'sum("a")': "expected type",
        "claude_code_claude_code_cost_usage_USD_total": "there is no metric claude_code_claude_code_cost_usage_USD_total: write claude_code_cost_usage_USD_total",
        "claude_code_cost_usage_total": "there is no metric claude_code_cost_usage_total",
        "claude_code_cost_usage:increase1m": "there is no metric claude_code_cost_usage:increase1m",
        'claude_code_session_count_total{model="x"}': "there is no label model of claude_code_session_count_total",
        'claude_code_token_usage_tokens_total{type="cache_read"}': "there is no value of type cache_read: write cacheRead",
        'claude_code_token_usage_tokens_total{type=~"input|cacheread"}': "there is no value of type cacheread",
        "sum by (teem) (claude_code_cost_usage)": "there is no metric claude_code_cost_usage",
        "sum by (teem) (claude_code_cost_usage_USD_total)": "there is no label teem here: write team",
        "sum by (model) (sum by (team) (claude_code_cost_usage_USD_total))": "there is no label model here",
        "sum without (modell) (claude_code_cost_usage_USD_total)": "there is no label modell here",
        "sum by (job) (claude_code_cost_usage_USD_total)": "do not select by job",
        "rate(claude_code_cost_usage_USD_total[5m])": "write sum_over_time(claude_code_cost_usage_USD:increase1m[...])",
        "sum by (model) (claude_code_cost_usage_USD_total) / sum(claude_code_cost_usage_USD_total)": "write on (...)",
        "sum by (team) (ostiary_admissions_total) * on (model) sum by (team) (ostiary_admissions_total)":
            "there is no label model here",
        'label_replace(ostiary_admissions_total, "x", "$1", "modell", "(.*)")': "there is no label modell here",
        '{team="blue"}': "names no metric",
    },
    "logql": {
        '{service_name="claude-code"} | event_name="api_error': "not valid",
        'sum(count_over_time({service_name="claude-code"}[5m])': "not valid",
        '{service_name="claude-code"} | json': "the line has no fields: leave out | json",
        '{service_name="claude-code"} | logfmt | status_code=529': "leave out | logfmt",
        '{service_name="claude-code"} | line_format "{{.tool_input}}" | json': "name the fields that | json is to find",
        '{service_name="claude-code", team="blue"}': 'team is no label of the index: write {...} | team="blue"',
        '{service_name="claude_code"}': "there is no service claude_code: write claude-code",
        '{service_name="claude-code"} | event_name="api_eror"': "there is no event api_eror: write api_error",
        '{service_name="claude-code"} | event_name="claude_code.api_error"': "there is no event claude_code.api_error",
        '{service_name="claude-code"} | event_name!="api_eror"': "there is no value of event_name api_eror",
        '{service_name="ostiary"} | event_name="api_error"': "there is no event api_error",
        '{service_name="claude-code"} | event.name="api_error"': "not valid",
        '{service_name="claude-code"} | event_name="api_error" | status=529': "there is no field status of api_error",
        '{service_name="claude-code"} | event_name="api_request" | tool_name="Bash"': "there is no field tool_name of api_request",
        '{service_name="claude-code"} | event_name="tool_result" | success="yes"': "there is no value of success yes",
        '{service_name="claude-code"} | event_name="api_request" | ttft_ms > 2s': "ttft_ms is a number without a unit",
        '{service_name="claude-code"} | event_name="api_request" | model > 2': "model is a text",
        '{service_name="claude-code"} |= "error"': "the line of Claude Code's records is only their name",
        '{service_name="claude-code"} | line_format "{{.modell}}"': "there is no field modell",
        '{service_name="claude-code"} | label_format x=modell': "there is no field modell",
        '{service_name="claude-code"} | keep model | tool_name="x"': "there is no field tool_name",
        'sum by (tool_name) (sum_over_time({service_name="claude-code"} | event_name="tool_result" [5m]))': "sum_over_time needs a number",
        'sum by (model) (count_over_time({service_name="claude-code"} | event_name="api_request" | unwrap ttft_ms [5m]))':
            "count_over_time counts records: leave out | unwrap ttft_ms",
        'sum_over_time({service_name="claude-code"} | event_name="api_request" | unwrap ttft_ms [5m]) by (model)':
            "sum_over_time cannot be grouped",
        'count_over_time({service_name="claude-code"}[5m])': "count_over_time makes a series for each record",
        'max by (model) (max_over_time({service_name="claude-code"} | event_name="api_request" | unwrap ttft_ms [5m]))':
            "write sum by (...) around it, or by (...) behind it",
        'sum by (teem) (count_over_time({service_name="claude-code"}[5m]))': "there is no label teem here: write team",
        'sum by (model) (sum by (team) (count_over_time({service_name="claude-code"}[5m])))': "there is no label model here",
        'sum(sum_over_time({service_name="claude-code"} | unwrap duration(ttft_ms) [5m]))': "write unwrap ttft_ms",
        'sum(sum_over_time({service_name="claude-code"} | event_name="api_request" | unwrap model [5m]))': "it cannot be unwrapped",
        'sum by (model) (count_over_time({service_name="claude-code"}[5m])) / sum(count_over_time({service_name="claude-code"}[5m]))':
            "write on (...)",
    },
    "traceql": {
        '{ name = "claude_code.tool" ': "not valid",
        '{ span.model == "x" }': "not valid",
        '{ name = "claude_code.tol" }': "there is no span claude_code.tol: write claude_code.tool",
        '{ name = "llm_request" }': "there is no span llm_request",
        '{ .model = "x" }': "say where model is",
        '{ span.modell = "x" }': "there is no attribute modell: write model",
        '{ span.service.name = "x" }': "there is no attribute service.name",
        '{ resource.service_name = "x" }': "there is no attribute service_name: write service.name",
        '{ resource.service.name = "claude_code" }': "there is no value of service.name claude_code",
        '{ name = "claude_code.tool" && span.ttft_ms > 5 }': "there is no attribute ttft_ms of claude_code.tool",
        '{ name = "claude_code.llm_request" && span.ttft_ms > 5s }': "ttft_ms is a number, and 5s is a duration",
        '{ name = "claude_code.llm_request" && span.success = "false" }': "success is a bool",
        '{ name = "claude_code.tool" } | rate() by (span.model)': "there is no attribute model of claude_code.tool",
        '{ event.atempt > 1 }': "there is no attribute atempt: write attempt",
    },
}


@pytest.fixture(scope="module", autouse=True)
def parsers():
    for program in ("node", "promtool"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}: install it")
    if not GRAMMAR.exists():
        pytest.skip("there are no parsers of queries: install npm, and run tests/observability/build")


@pytest.mark.parametrize("language", CORRECT)
def test_a_correct_query_has_no_problem(language):
    queries = CORRECT[language]
    found = problems([(language, query) for query in queries])
    assert dict(zip(queries, found)) == {query: [] for query in queries}


@pytest.mark.parametrize("language", WRONG)
def test_each_mistake_is_found_and_named(language):
    queries = WRONG[language]
    found = dict(zip(queries, problems([(language, query) for query in queries])))
    assert {query: said for query, said in found.items() if len(said) != 1 or queries[query] not in said[0]} == {}


def test_a_variable_of_grafana_is_any_text_or_what_the_caller_says():
    query = "sum by ($group) (claude_code_cost_usage_USD_total{team=~\"${team:regex}\"})"
    said, = problems([("promql", query)])
    assert "not valid" in said[0]
    assert problems([("promql", query)], {"group": "model"}) == [[]]
    assert problems([("promql", query)], {"group": "modell"}) == [["there is no label modell here: write model"]]
