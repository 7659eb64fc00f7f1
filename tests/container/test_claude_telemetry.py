"""Claude Code's telemetry arrives completely and in the right place: the exports of a turn with a
tool call."""

import base64

import pytest

from support.claude import api
from support.claude.internet import COLLECTOR, GATEWAY

PROMPT = "sing to the blue whales"
ANSWER = "they liked it"
TOKEN = "glc_MARKERdonotshow"
TRIO = {"GRAFANA_INSTANCE_ID": "123456", "GRAFANA_API_TOKEN": TOKEN, "GRAFANA_OTLP_ENDPOINT": f"https://{GATEWAY}/otlp"}
BASIC = "Basic " + base64.b64encode(f"123456:{TOKEN}".encode()).decode()
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN},x-scope=blue whales"}
PLATFORM = {"FLY_MACHINE_ID": "148e21", "FLY_APP_NAME": "aquarium", "FLY_REGION": "ams"}
USERS = {"OTEL_RESOURCE_ATTRIBUTES": "team=blue whales,cloud.region=the deep"}

ENDPOINTS = {  # the environment, and the properties of every export
    "trio": (TRIO, "gateway", "application/x-protobuf", {"authorization": BASIC}),
    "protobuf": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318"} | HEADERS, "collector",
                 "application/x-protobuf", {"authorization": f"Bearer {TOKEN}", "x-scope": "blue whales"}),
    "json": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}
             | HEADERS, "collector", "application/x-protobuf", {"authorization": f"Bearer {TOKEN}", "x-scope": "blue whales"}),
    "json from the agent": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318",
                             "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "collector", "application/json", {}),
    "TLS and a path": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{GATEWAY}/otlp",
                        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"} | HEADERS, "gateway",
                       "application/x-protobuf", {"authorization": f"Bearer {TOKEN}", "x-scope": "blue whales"}),
    "gRPC": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} | HEADERS,
             "collector", "application/grpc", {"authorization": f"Bearer {TOKEN}", "x-scope": "blue whales"}),
    "compressed": ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318",
                    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, "collector", "application/x-protobuf",
                   {"content-encoding": "gzip"}),
}


def run_turn(claude, env):
    done = claude.run(api.bash("echo sung"), api.say(ANSWER), prompt=PROMPT, env=env)
    assert (done.status, done.stdout.strip()) == (0, ANSWER), done
    assert claude.internet.api.tool_results() == ["sung"]
    return done


@pytest.fixture(params=ENDPOINTS)
def endpoint(request):
    return ENDPOINTS[request.param]


def test_a_turn_with_a_tool_call_completes_and_its_traces_metrics_and_logs_arrive(claude, endpoint):
    env, name, form, headers = endpoint
    done = run_turn(claude, env | PLATFORM | USERS | {"OSTIARY_AUDIT_OTLP": "on"})
    collector = getattr(claude.internet, name)
    assert collector.refused == []
    for export in collector.exports:
        assert export.headers["content-type"] == form
        assert {each: export.headers.get(each) for each in headers} == headers
    assert "claude_code.tool.execution" in names(collector, "traces")
    assert {"claude_code.session.count", "claude_code.token.usage"} <= names(collector, "metrics")
    assert {"user_prompt", "api_request", "tool_result"} <= names(collector, "logs")
    services = {resource["service.name"] for resource in collector.resources()}
    assert services == ({"claude-code", "ostiary"} if "authorization" in headers else {"claude-code"})
    for resource in collector.resources():
        assert resource.items() >= {"fly.app_name": "aquarium", "fly.region": "ams",
                                    "fly.machine_id": "148e21", "cloud.provider": "fly",
                                    "team": "blue whales", "cloud.region": "the deep"}.items()
    others = {claude.internet.gateway, claude.internet.collector, claude.internet.other} - {collector}
    assert not any(other.exports or other.refused for other in others)
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("env, temporality", [
    (TRIO, "cumulative"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318"}, "delta"),
], ids=["trio", "collector"])
@pytest.mark.parametrize("switches", [{}, {"OTEL_LOG_USER_PROMPTS": "0"}, {"OTEL_LOG_USER_PROMPTS": "1"}],
                         ids=["by default", "off", "on"])
def test_prompts_and_answers_are_exported_as_the_switches_say(claude, env, temporality, switches):
    run_turn(claude, env | switches)
    collector = claude.internet.gateway if env is TRIO else claude.internet.collector
    reported = switches.get("OTEL_LOG_USER_PROMPTS", "1" if env is TRIO else "0") == "1"
    prompt, = collector.items("logs", "user_prompt")
    answers = [item.attributes["response"] for item in collector.items("logs", "assistant_response")]
    assert prompt.attributes["prompt"] == (PROMPT if reported else "<REDACTED>")
    assert prompt.attributes["prompt_length"] == str(len(PROMPT))
    assert answers and (ANSWER in answers) == reported
    assert reported or all(secret not in everything(collector) for secret in (PROMPT, ANSWER))
    assert {item.temporality for item in collector.items("metrics")} == {temporality}


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("parent", [{}, {"TRACEPARENT": f"00-{TRACE}-b7ad6b7169203331-01"}], ids=["its own", "the container's"])
def test_a_session_is_one_trace_which_its_events_name(claude, parent):
    """Claude Code may start its tracing too late on a busy machine: one session of three must do."""
    collector = claude.internet.gateway
    for _ in range(3):
        claude.run(api.bash("echo $TRACEPARENT"), api.bash("echo again"), api.say(ANSWER), env=TRIO | parent)
        spans = sorted((item.trace, item.name) for item in collector.items("traces")
                       if item.name.startswith(("claude_code.llm_request", "claude_code.tool")))
        if len({trace for trace, _ in spans}) == 1:
            break
    assert len({trace for trace, _ in spans}) == 1, spans
    trace = spans[0][0]
    assert trace == TRACE or not parent
    for name in ("user_prompt", "api_request", "tool_decision", "tool_result"):
        assert {item.trace for item in collector.items("logs", name)} == {trace}, name
    assert claude.internet.api.tool_results()[0].split("-")[1] == trace


@pytest.mark.parametrize("missing", TRIO)
def test_with_one_of_the_trio_missing_nothing_goes_to_the_gateway_and_the_boot_says_which(claude, missing):
    done = run_turn(claude, {name: value for name, value in TRIO.items() if name != missing})
    named = [name for name in TRIO if name in done.stderr]
    assert named == [missing], done.stderr
    assert claude.internet.packets_to(GATEWAY, claude.internet.packets()) == []
    assert claude.internet.upstream.asked(GATEWAY) == []
    assert TOKEN not in done.stdout + done.stderr


def names(collector, signal):
    return {item.name for item in collector.items(signal)}


def everything(collector):
    return repr(collector.exports)
