"""container/stack/inventory.json: a session of the real Claude Code under ostiary sends nothing that it does not know."""

import http.client
import json
import time

from observability.test_a_session_of_claude_code import ANSWER, session  # noqa: F401
from support import inventory
from support.claude import api
from support.otlp import DATA, LISTS
from support.stack_stores import Stores
from support.waiting import eventually

# Each adds attributes. Those of content are in the session.
MORE = {name: "1" for name in ("OTEL_METRICS_INCLUDE_VERSION", "OTEL_METRICS_INCLUDE_ENTRYPOINT", "OTEL_METRICS_INCLUDE_REPOSITORY",
                               "OTEL_RESOURCE_INCLUDE_HOST", "OTEL_LOG_MANAGED_SETTINGS")}
# A server of MCP over standard input and output, with two tools.
MCP = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    tools = [{"name": name, "description": name, "inputSchema": {"type": "object", "properties": {}}} for name in ("echo", "boom")]
    server = {"protocolVersion": "2025-03-26", "capabilities": {"tools": {}}, "serverInfo": {"name": "demo", "version": "1"}}
    answer = {"initialize": server, "tools/list": {"tools": tools}}.get(asked["method"])
    if asked["method"] == "tools/call":
        answer = {"content": [{"type": "text", "text": "hear"}], "isError": asked["params"]["name"] == "boom"}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer or {}}), flush=True)
"""
SERVERS = {"demo": {"command": "/usr/bin/python3", "args": ["-IS", "/work/mcp.py"]}, "bad": {"command": "/nowhere"}}
SKILL = "---\nname: look\ndescription: look around\n---\nLook around.\n"
TOOLS = ("Write", "Read", "Edit", "WebFetch", "Agent", "Skill", "mcp__demo__echo", "mcp__demo__boom")
# It uses each kind of tool, and meets failures. One sub-agent succeeds, and one fails.
SCRIPT = (
    api.tool("Write", file_path="/work/greet.py", content="def greet():\n    return 'hello'\n"),
    api.tool("Read", file_path="/work/greet.py"),
    api.tool("Edit", file_path="/work/greet.py", old_string="hello", new_string="hello, world"),
    api.bash("git init -q . && git add greet.py && git -c user.name=A -c user.email=a@example.com commit -q -m 'Greet the world'"),
    api.bash("exit 3"),
    api.tool("WebFetch", url="https://denied.example/page", prompt="what is it?"),
    api.tool("NotebookEdit", notebook_path="/work/a.ipynb", new_source="1"),
    api.tool("mcp__demo__boom"),
    api.tool("Agent", description="look", prompt="errand: look around", subagent_type="general-purpose"),
    api.Fail(529, "overloaded_error", api.tool("Agent", description="tidy", prompt="chore: tidy", subagent_type="general-purpose")),
    api.say(ANSWER))
OF_THE_SUB_AGENTS = {
    "errand": (api.bash("true"), api.say("nothing here")),
    "chore": (api.tool("Skill", skill="look"), api.tool("mcp__demo__echo"),
              api.Fail(400, "invalid_request_error", api.say("never"), times=99))}
EXPECTED = {
    "logs": {"api_error", "hook_execution_complete", "mcp_server_connection", "skill_activated", "subagent_completed",
             "tool_decision", "tool_result"},
    "metrics": {"claude_code.code_edit_tool.decision", "claude_code.commit.count", "claude_code.lines_of_code.count"},
    "traces": {"claude_code.llm_request", "claude_code.tool", "claude_code.tool.blocked_on_user", "claude_code.tool.execution"}}

# How a type of the inventory is sent. A double without a fraction is sent as an integer.
TYPES = {"string": {"stringValue"}, "int": {"intValue"}, "double": {"doubleValue", "intValue"}, "bool": {"boolValue"},
         "array": {"arrayValue"}, "int as string": {"stringValue"}, "bool as string": {"stringValue"}}


def attributes(holder):
    """{name: how its value is sent}."""
    return {pair["key"]: next(iter(pair["value"])) for pair in holder.get("attributes", [])}


def text(holder, name):
    return next(pair["value"]["stringValue"] for pair in holder["attributes"] if pair["key"] == name)


def sent(signal, requests):
    """(service, kind, name, its attributes) of everything in requests of OTLP as JSON."""
    groups, scopes, items = LISTS[signal]
    for group in [group for request in requests for group in request[groups]]:
        service = text(group["resource"], "service.name")
        yield service, "resource", None, attributes(group["resource"])
        for item in [item for scope in group[scopes] for item in scope[items]]:
            if signal == "metrics":
                for point in next(item[kind] for kind in DATA if kind in item)["dataPoints"]:
                    yield service, "metrics", item["name"], attributes(point)
            elif signal == "traces":
                yield service, "spans", item["name"], attributes(item)
                for event in item.get("events", []):
                    yield service, f"spans/{item['name']}", event["name"], attributes(event)
            else:
                yield service, "events", item.get("eventName") or text(item, "event.name"), attributes(item)


def known():
    """{(service, kind, name): {attribute: type}} of the inventory. Claude Code repeats the operator's attributes on each item."""
    found, made = inventory.load(), {}
    operators = types(found["operator"])
    for service, content in found["services"].items():
        made[service, "resource", None] = operators | types(content["resource"])
        for kind in ("metrics", "events", "spans"):
            for name, item in content[kind].items():
                common = types(content["common"]) | types(content.get(f"common_of_{kind}", {}))
                made[service, kind, name] = operators | common | types(item["attributes"])
                made |= {(service, f"{kind}/{name}", event): types(fields) for event, fields in item.get("events", {}).items()}
    return made


def types(fields):
    return {name: field["type"] for name, field in fields.items()}


def unknown(found):
    """What the inventory does not have, as lines."""
    lines, by_item = set(), known()
    for signal, requests in found.items():
        for service, kind, name, names in sent(signal, requests):
            item = f"{service}: {kind}" + (f" {name}" if name else "")
            if (service, kind, name) not in by_item:
                lines.add(f"{item} is new")
                continue
            for each, way in names.items():
                written = by_item[service, kind, name].get(each)
                if written is None:
                    lines.add(f"{item}: {each} is new")
                elif way not in TYPES[written]:
                    lines.add(f"{item}: {each} is no {written} but {way}")
    return sorted(lines)


def test_a_session_sends_nothing_that_the_inventory_does_not_know(session, claude_container):  # noqa: F811
    claude_container.write("/work/mcp.py", MCP)
    claude_container.write("/work/.claude/skills/look/SKILL.md", SKILL)
    found = session("keep", *TOOLS, "--mcp-config", json.dumps({"mcpServers": SERVERS}), script=SCRIPT,
                    of=OF_THE_SUB_AGENTS, expected=EXPECTED, **MORE)
    assert not (lines := unknown(found)), "\n".join(lines)


def test_what_is_new_is_named():
    def pairs(**values):
        return [{"key": name.replace("__", "."), "value": {way: value}} for name, (way, value) in values.items()]
    resource = {"attributes": pairs(service__name=("stringValue", "claude-code"), planet=("stringValue", "earth"))}
    found = {
        "logs": [{"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [
            {"attributes": pairs(event__name=("stringValue", "api_error"), attempt=("stringValue", "1"))},
            {"attributes": pairs(event__name=("stringValue", "api_eror"))}]}]}]}],
        "metrics": [{"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [
            {"name": "claude_code.commit.count", "sum": {"dataPoints": [{}, {"attributes": pairs(colour=("intValue", "1"))}]}}]}]}]}],
        "traces": [{"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [
            {"name": "claude_code.tool", "events": [{"name": "tool.input"}]}]}]}]}]}
    assert unknown(found) == [
        "claude-code: events api_eror is new",
        "claude-code: events api_error: attempt is no int but stringValue",
        "claude-code: metrics claude_code.commit.count: colour is new",
        "claude-code: resource: planet is new",
        "claude-code: spans/claude_code.tool tool.input is new"]


# Names in Prometheus --------------------------------------------------------------------------------------------------

KINDS = {"counter": {"aggregationTemporality": 1, "isMonotonic": True}, "gauge": {}}


def request_with_everything(service, now):
    """A request of OTLP with every metric of a service, each with every attribute."""
    content = inventory.services()[service]

    def pairs(fields):
        return [{"key": name, "value": {"stringValue": service if name == "service.name" else "x"}} for name in fields]
    metrics = []
    for name, fields in content.metrics.items():
        kind, unit = content.units[name]
        point = {"attributes": pairs(fields), "asInt": "1", "startTimeUnixNano": str(now - 10**9), "timeUnixNano": str(now)}
        metrics.append({"name": name, "unit": unit, {"counter": "sum"}.get(kind, kind): {"dataPoints": [point]} | KINDS[kind]})
    return {"resourceMetrics": [{"resource": {"attributes": pairs(content.resource)}, "scopeMetrics": [{"metrics": metrics}]}]}


def test_prometheus_has_the_names_and_labels_that_the_reference_says(network, tmp_path):
    expected = {name: {*labels, "__name__", "job", "instance"} for name, labels in inventory.prometheus_metrics().items()}
    with Stores(network, tmp_path) as stores, network.entered():
        for service in inventory.services():
            collector = http.client.HTTPConnection("127.0.0.1", 4318, timeout=10)
            collector.request("POST", "/v1/metrics", json.dumps(request_with_everything(service, time.time_ns())),
                              {"Content-Type": "application/json"})
            assert collector.getresponse().status == 200

        def arrived():
            return {name for name in stores.prometheus.names() if name.startswith(("claude_code_", "ostiary_")) and ":" not in name}
        eventually(lambda: len(arrived()) >= len(expected), f"all metrics arrive: {stores.log()}", 60)
        assert {name: stores.prometheus.labels(name) for name in arrived()} == expected
