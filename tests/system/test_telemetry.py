"""Telemetry: the sources of its settings, and the complete set of variables that the agent gets."""

import pytest

from support.plans import destinations
from support.refusal import refusal
from support.telemetry import BASIC, COLLECTOR, GRAFANA_ENDPOINT, GRPC, MARKER, MODULE, TRIO, telemetry_variables

ENABLED = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_TRACES_EXPORTER": "otlp",
}
CONTENT = ["OTEL_LOG_USER_PROMPTS", "OTEL_LOG_ASSISTANT_RESPONSES", "OTEL_LOG_TOOL_DETAILS", "OTEL_LOG_TOOL_CONTENT",
           "OTEL_LOG_RAW_API_BODIES"]
SIGNALS = ["METRICS", "LOGS", "TRACES"]


def contains(env, expected):
    assert {name: env.get(name) for name in expected} == expected


# Off


def test_without_telemetry_nothing_is_printed_about_it(sandbox):
    assert telemetry_variables(sandbox.agent_environment()) == {}


def test_without_telemetry_the_users_variables_are_kept(sandbox):
    own = {"OTEL_LOG_USER_PROMPTS": "1", "OTEL_RESOURCE_ATTRIBUTES": "a=b", "OTEL_SERVICE_NAME": "mine"}
    assert telemetry_variables(sandbox.agent_environment(env=own)) == own


@pytest.mark.parametrize("missing", TRIO)
def test_an_incomplete_trio_switches_telemetry_off_and_names_the_missing_variable(sandbox, missing):
    env = {name: value for name, value in TRIO.items() if name != missing}
    result = sandbox.boot("env", env=env)
    assert result.status == 0
    assert missing in result.stderr
    assert not any(name in result.stderr for name in env)
    assert "OTEL" not in result.stdout and "TELEMETRY" not in result.stdout and "GRAFANA" not in result.stdout


@pytest.mark.parametrize("given", TRIO)
def test_two_missing_variables_are_both_named(sandbox, given):
    result = sandbox.boot("true", env={given: TRIO[given]})
    assert result.status == 0
    assert all(name in result.stderr for name in TRIO if name != given)


def test_an_incomplete_trio_exports_nothing_even_if_the_user_switched_telemetry_on(sandbox):
    env = {"GRAFANA_API_TOKEN": MARKER, "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_METRICS_EXPORTER": "otlp"}
    assert telemetry_variables(sandbox.agent_environment(env=env)) == {}


@pytest.mark.parametrize("missing", TRIO)
def test_an_incomplete_trio_ends_with_status_78_if_telemetry_is_required(sandbox, missing):
    env = {name: value for name, value in TRIO.items() if name != missing}
    assert missing in refusal(sandbox.boot("true", env=env, flags=["--require-telemetry"]), 78)


def test_required_telemetry_that_is_complete_boots(sandbox):
    assert sandbox.boot("true", env=TRIO, flags=["--require-telemetry"]).status == 0


# Grafana Cloud


def test_the_trio_gives_the_agent_all_variables(sandbox):
    env = sandbox.agent_environment(env=TRIO)
    contains(env, ENABLED | {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": GRAFANA_ENDPOINT,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {BASIC}",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "cumulative",
        "OTEL_LOG_USER_PROMPTS": "1",
        "OTEL_LOG_TOOL_DETAILS": "1",
    })
    assert "service.name=claude-code" in env.get("OTEL_RESOURCE_ATTRIBUTES", "") or \
        env["OTEL_SERVICE_NAME"] == "claude-code"


def test_a_long_token_is_encoded_without_a_line_break(sandbox):
    env = sandbox.agent_environment(env=TRIO | {"GRAFANA_API_TOKEN": "glc_" + "x" * 500})
    assert env["OTEL_EXPORTER_OTLP_HEADERS"].removeprefix("Authorization=Basic ").isascii()
    assert not any(c.isspace() for c in env["OTEL_EXPORTER_OTLP_HEADERS"].removeprefix("Authorization=Basic "))


@pytest.mark.parametrize("source", [TRIO, COLLECTOR], ids=["trio", "collector"])
@pytest.mark.parametrize("switch", CONTENT)
@pytest.mark.parametrize("value", ["0", "1"])
def test_the_users_content_switches_are_kept(sandbox, source, switch, value):
    assert sandbox.agent_environment(env=source | {switch: value})[switch] == value


def test_the_users_timing_and_temporality_are_kept(sandbox):
    own = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "lowmemory",
           "OTEL_SERVICE_NAME": "mine"}
    contains(sandbox.agent_environment(env=TRIO | own), own)


# Any collector


def test_a_collector_gives_the_agent_all_variables(sandbox):
    env = sandbox.agent_environment(env=COLLECTOR)
    contains(env, ENABLED | COLLECTOR)


def test_content_stays_off_for_a_collector(sandbox):
    env = sandbox.agent_environment(env=COLLECTOR)
    assert not [name for name in CONTENT if env.get(name, "0") not in ("0", "false")]


def test_temporality_is_not_set_for_a_collector(sandbox):
    assert "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" not in sandbox.agent_environment(env=COLLECTOR)


def test_grpc_without_a_port_uses_4317_in_the_agents_variables_too(sandbox):
    assert destinations(sandbox.plan(env=GRPC)) == {("collector.example", 4317)}
    assert sandbox.agent_environment(env=GRPC)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.example:4317"


def test_each_signal_may_have_its_own_endpoint(sandbox):
    own = {f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": f"https://{signal.lower()}.example:{port}/in"
           for port, signal in enumerate(SIGNALS, 5001)}
    env = COLLECTOR | own
    assert destinations(sandbox.plan(env=env)) >= {
        ("metrics.example", 5001), ("logs.example", 5002), ("traces.example", 5003)}
    contains(sandbox.agent_environment(env=env), ENABLED | own)


def test_a_signals_protocol_decides_its_port(sandbox):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs.example",
                       "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"}
    assert destinations(sandbox.plan(env=env)) == {("collector.example", 4318), ("logs.example", 4317)}


@pytest.mark.parametrize("signal", SIGNALS)
def test_one_signals_endpoint_alone_is_enough(sandbox, signal):
    env = {f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": "https://one.example/in",
           "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    agent = sandbox.agent_environment(env=env)
    assert agent["CLAUDE_CODE_ENABLE_TELEMETRY"] == "1" and agent[f"OTEL_{signal}_EXPORTER"] == "otlp"


def test_headers_without_an_endpoint_are_not_a_source(sandbox):
    assert "CLAUDE_CODE_ENABLE_TELEMETRY" not in sandbox.agent_environment(env={"OTEL_EXPORTER_OTLP_HEADERS": "a=b"})


@pytest.mark.parametrize("protocol", ["http", "HTTP/protobuf", "grpc ", "thrift"])
@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"])
def test_a_protocol_that_claude_code_does_not_know_is_an_error(sandbox, variable, protocol):
    line = refusal(sandbox.boot("true", env=COLLECTOR | {variable: protocol}), 78)
    assert variable in line and "http/protobuf" in line


@pytest.mark.parametrize("given, reaches", [
    ("Authorization=Basic%20YWJjOmRlZg==", "Authorization=Basic YWJjOmRlZg=="),
    ("Authorization=Basic YWJjOmRlZg==", "Authorization=Basic YWJjOmRlZg=="),
    ("a=1,Authorization=Basic%20YWI=,b=2", "a=1,Authorization=Basic YWI=,b=2"),
    ("Authorization=Bearer%20abc", "Authorization=Bearer abc"),
])
def test_headers_reach_the_agent_with_a_literal_space(sandbox, given, reaches):
    agent = sandbox.agent_environment(env=COLLECTOR | {"OTEL_EXPORTER_OTLP_HEADERS": given})
    assert agent["OTEL_EXPORTER_OTLP_HEADERS"] == reaches


# The Coder module's object


def test_the_modules_object_may_be_in_the_policy_file(sandbox):
    sandbox.policy({"telemetry": MODULE})
    contains(sandbox.agent_environment(), ENABLED | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": MODULE["otlp_endpoint"],
        "OTEL_EXPORTER_OTLP_PROTOCOL": MODULE["otlp_protocol"],
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={MARKER}",
    })


def test_the_modules_object_may_be_a_variable(sandbox):
    text = '{"enabled": true, "otlp_endpoint": "http://module.example", "otlp_protocol": "grpc"}'
    env = {"OSTIARY_TELEMETRY": text}
    assert destinations(sandbox.plan(env=env)) == {("module.example", 4317)}
    contains(sandbox.agent_environment(env=env), ENABLED | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_the_modules_object_can_switch_telemetry_off(sandbox):
    sandbox.policy({"telemetry": MODULE | {"enabled": False}})
    assert telemetry_variables(sandbox.agent_environment()) == {}


@pytest.mark.parametrize("headers", [
    {"a": f"b,{MARKER}=d"}, {"a=b": MARKER}, {"a": f"b\nc: {MARKER}"}, {"": MARKER}, {"a b": MARKER}, {"a": ""},
], ids=["comma", "equals sign", "line end", "no name", "space in the name", "no value"])
def test_a_header_of_the_object_that_claude_code_would_misread_is_an_error(sandbox, headers):
    sandbox.policy({"telemetry": MODULE | {"otlp_headers": headers}})
    assert "otlp_headers" in refusal(sandbox.boot("true"), 78)


@pytest.mark.parametrize("text", ["{", "[]", '{"enabled": "yes"}', '{"otlp_endpiont": "https://x.example"}',
                                  f'{{"enabled": true, "otlp_headers": {{"a": ["{MARKER}"]}}}}',
                                  f'{{"enabled": true, "x": "{MARKER}"'])
def test_a_bad_object_in_the_variable_is_an_error_that_names_the_variable(sandbox, text):
    assert "OSTIARY_TELEMETRY" in refusal(sandbox.boot("true", env={"OSTIARY_TELEMETRY": text}), 78)


# Several sources

SOURCES = {"grafana-cloud": TRIO, "otlp": COLLECTOR, "module": {
    "OSTIARY_TELEMETRY": '{"enabled": true, "otlp_endpoint": "https://module.example", "otlp_protocol": "http/json"}'}}
HOSTS = {"grafana-cloud": "grafana.net", "otlp": "collector.example", "module": "module.example"}


@pytest.mark.parametrize("one, another", [("grafana-cloud", "otlp"), ("otlp", "module"), ("grafana-cloud", "module")])
def test_two_sources_are_an_error_that_names_both(sandbox, one, another):
    line = refusal(sandbox.boot("true", env=SOURCES[one] | SOURCES[another]), 78)
    assert all(any(name in line for name in [*SOURCES[source], source]) for source in (one, another))
    assert "--telemetry" in line


@pytest.mark.parametrize("chosen", SOURCES)
def test_choosing_one_source_removes_the_others_from_the_agent(sandbox, chosen):
    env = {name: value for source in SOURCES.values() for name, value in source.items()}
    agent = sandbox.agent_environment("--telemetry", chosen, env=env)
    assert HOSTS[chosen] in agent["OTEL_EXPORTER_OTLP_ENDPOINT"]
    for source in set(SOURCES) - {chosen}:
        assert not [value for value in agent.values() if HOSTS[source] in value]
    assert (MARKER in "".join(agent.values())) == (chosen == "otlp")


def test_choosing_off_removes_all_sources(sandbox):
    env = {name: value for source in SOURCES.values() for name, value in source.items()}
    env["CLAUDE_CODE_ENABLE_TELEMETRY"] = "1"
    agent = sandbox.agent_environment("--telemetry", "off", env=env)
    assert not [name for name in agent if name.startswith(("OTEL_EXPORTER_", "GRAFANA_", "OSTIARY_"))]
    assert "CLAUDE_CODE_ENABLE_TELEMETRY" not in agent


def test_choosing_an_incomplete_source_leaves_telemetry_off(sandbox):
    result = sandbox.boot("env", env=COLLECTOR | {"GRAFANA_INSTANCE_ID": "1"}, flags=["--telemetry", "grafana-cloud"])
    assert result.status == 0
    assert "GRAFANA_API_TOKEN" in result.stderr
    assert "CLAUDE_CODE_ENABLE_TELEMETRY" not in result.stdout and "OTEL_EXPORTER" not in result.stdout


def test_an_incomplete_trio_beside_a_collector_is_still_two_sources(sandbox):
    line = refusal(sandbox.boot("true", env=COLLECTOR | {"GRAFANA_API_TOKEN": MARKER}), 78)
    assert "GRAFANA" in line.upper() and "otlp" in line.lower()
