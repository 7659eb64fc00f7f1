"""An error does not repeat a secret that is in the wrong telemetry variable, or that contains a
comma."""

import pytest


@pytest.mark.parametrize("env", [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=pass,MARKER=100%"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example", "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=pass,MARKER=x,MARKER=y"},
    {"OTEL_RESOURCE_ATTRIBUTES": "Authorization=Basic MARKER=="},
    {"OTEL_RESOURCE_ATTRIBUTES": "api_key=MARKER="},
    {"OSTIARY_TELEMETRY": '{"otlp_endpoint": "https://a.example", "otlp_headers": {"MARKER": ""}}'},
])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_the_error_does_not_show_the_secret(sandbox, command, env):
    result = sandbox.run(command, "--", "true", env=env)
    assert result.status == 78 and "MARKER" not in result.stdout + result.stderr, result
