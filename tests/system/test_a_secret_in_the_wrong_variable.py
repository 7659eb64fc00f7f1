"""A secret that was put into a variable of telemetry's, or that holds a comma there, is not repeated by an error."""

import pytest


@pytest.mark.parametrize("env", [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=pass,MARKER=100%"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=pass,MARKER=x,MARKER=y"},
    {"OTEL_RESOURCE_ATTRIBUTES": "Authorization=Basic MARKER=="},
    {"OTEL_RESOURCE_ATTRIBUTES": "api_key=MARKER="},
    {"OSTIARY_TELEMETRY": '{"otlp_endpoint": "https://a.example", "otlp_headers": {"MARKER": ""}}'},
])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_it_is_not_shown(sandbox, command, env):
    result = sandbox.run(command, "--", "true", env=env)
    assert result.status == 78 and "MARKER" not in result.stdout + result.stderr, result
