"""COLLECTOR_CONTENT: prompts, answers, and what tools take and give do not reach the bucket; all else does."""

import json

import pytest

from observability.collecting import bucket, collector, post, settings, stored
from support.waiting import eventually

MARK = "CONTENT-DO-NOT-KEEP"
# Of Claude Code 2.1.332: the fields that OTEL_LOG_USER_PROMPTS, OTEL_LOG_ASSISTANT_RESPONSES, OTEL_LOG_TOOL_DETAILS,
# OTEL_LOG_TOOL_CONTENT, OTEL_LOG_RAW_API_BODIES, OTEL_LOG_MANAGED_SETTINGS and ENABLE_BETA_TRACING_DETAILED add, and that hold
# what a person, a model or a tool wrote.
EVENTS = {
    "user_prompt": ["prompt", "prompt_text"],
    "assistant_response": ["response"],
    "api_request_body": ["body"],
    "api_response_body": ["body"],
    "tool_decision": ["tool_parameters"],
    "tool_result": ["tool_parameters", "tool_input", "error"],
    "mcp_server_connection": ["error"],
    "system_prompt": ["system_prompt"],
    "tool": ["tool"],
    "managed_settings_resolved": ["managed_settings.settings"],
    "hook_execution_start": ["hook_definitions", "hook_matcher"],
}
SPANS = {
    "claude_code.interaction": ["user_prompt", "new_context", "user_system_prompt"],
    "claude_code.llm_request": ["new_context", "response.model_output", "system_prompt_preview", "system_reminders", "tools"],
    "claude_code.tool": ["file_path", "full_command", "new_context", "tool_input"],
    "claude_code.tool.execution": ["error"],
    "claude_code.hook": ["hook_definitions", "hook_matcher"],
    "claude_code.mcp.rpc": ["mcp_args"],
    "claude_code.bash.subprocess": ["command"],
}
SPAN_EVENT = ["bash_command", "content", "diff", "file_path", "output"]  # of tool.output, in claude_code.tool
# What dashboards and chargeback need.
KEPT = {"session.id": "s", "user.id": "u", "prompt.id": "p", "prompt_length": "7", "tool_name": "Bash", "team": "blue"}
RESOURCE = {"team": "blue", "service.name": "claude-code"}


def attributes(values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def held(item):
    return {pair["key"]: pair["value"]["stringValue"] for pair in item.get("attributes", [])}


def logs():
    records = [{"body": {"stringValue": f"claude_code.{name}"},
                "attributes": attributes({"event.name": name} | KEPT | {field: MARK for field in fields})}
               for name, fields in (EVENTS | {"api_error": []}).items()]
    records[-1]["attributes"] += attributes({"error": "overloaded"})
    return {"resourceLogs": [{"resource": {"attributes": attributes(RESOURCE)}, "scopeLogs": [
        {"scope": {"name": "com.anthropic.claude_code.events"}, "logRecords": records}]}]}


def traces():
    spans = [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{number + 1:016x}", "name": name,
              "attributes": attributes(KEPT | {field: MARK for field in fields})}
             for number, (name, fields) in enumerate(SPANS.items())]
    spans[1]["attributes"] += attributes({"error": "overloaded"})
    spans[2]["events"] = [{"name": "tool.output", "attributes": attributes({field: MARK for field in SPAN_EVENT})},
                          {"name": "gen_ai.request.attempt", "attributes": attributes({"attempt": "1"})}]
    spans[3]["status"] = {"code": 2, "message": MARK}  # the text of the error
    return {"resourceSpans": [{"resource": {"attributes": attributes(RESOURCE)}, "scopeSpans": [
        {"scope": {"name": "com.anthropic.claude_code.tracing"}, "spans": spans}]}]}


@pytest.fixture
def requests_in_the_bucket(internet, tmp_path):
    """What is in the bucket after all fields were sent through a collector with these settings."""
    made = []

    def send(**more):
        store = bucket(internet.network, tmp_path / "store")
        made.extend([store.down, collector(internet.network, tmp_path, **settings(tmp_path, store, **more)).kill])
        assert post(internet.network, "logs", logs()) == post(internet.network, "traces", traces()) == 200
        return [eventually(lambda: stored(store, signal), f"{signal} arrive", 60)[0][1] for signal in ("logs", "traces")]
    yield send
    for end in reversed(made):
        end()


def items(found, group, scope, item):
    return [each for one in found[group] for two in one[scope] for each in two[item]]


def test_without_a_setting_no_content_arrives_and_all_else_does(requests_in_the_bucket):
    found_logs, found_traces = requests_in_the_bucket()
    assert MARK not in json.dumps([found_logs, found_traces])
    for found, group in ((found_logs, "resourceLogs"), (found_traces, "resourceSpans")):
        assert held(found[group][0]["resource"]) == RESOURCE
    for record in items(found_logs, "resourceLogs", "scopeLogs", "logRecords"):
        name = record["body"]["stringValue"].removeprefix("claude_code.")
        assert held(record) == {"event.name": name} | KEPT | ({"error": "overloaded"} if name == "api_error" else {})
    spans = items(found_traces, "resourceSpans", "scopeSpans", "spans")
    assert [span["name"] for span in spans] == list(SPANS)
    for number, span in enumerate(spans):
        assert held(span) == KEPT | ({"error": "overloaded"} if number == 1 else {})
    assert [(event["name"], held(event)) for event in spans[2]["events"]] == [
        ("tool.output", {}), ("gen_ai.request.attempt", {"attempt": "1"})]


def test_keep_passes_everything(requests_in_the_bucket):
    found_logs, found_traces = requests_in_the_bucket(COLLECTOR_CONTENT="keep")
    fields = sum(map(len, [*EVENTS.values(), *SPANS.values(), SPAN_EVENT, ["status.message"]]))
    assert json.dumps([found_logs, found_traces]).count(MARK) == fields


@pytest.mark.parametrize("value", [{}, {"intValue": "5"}, {"boolValue": True}, {"bytesValue": "AAAA"}, {"arrayValue": {}},
                                   {"kvlistValue": {"values": [{"key": "a", "value": {"doubleValue": 0.5}}]}},
                                   {"doubleValue": "NaN"}], ids=str)
def test_an_event_whose_name_is_no_text_is_no_way_around(internet, tmp_path, value):
    """The agent may send any type."""
    store = bucket(internet.network, tmp_path / "store")
    running = collector(internet.network, tmp_path, **settings(tmp_path, store))
    try:
        sent = logs()
        for record in items(sent, "resourceLogs", "scopeLogs", "logRecords"):
            record["attributes"][0]["value"] = value
        assert post(internet.network, "logs", sent) == 200
        (_, found), = eventually(lambda: stored(store, "logs"), "it arrives", 60)
        assert len(items(found, "resourceLogs", "scopeLogs", "logRecords")) == len(EVENTS) + 1
        assert MARK not in json.dumps(found)
    finally:
        running.kill()
        store.down()
