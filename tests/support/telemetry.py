"""Telemetry settings that tests share, and helpers that read the results."""

import base64
from urllib.parse import unquote

# No part of this may appear in a place where a secret does not belong.
MARKER = "glc_MARKERdonotshow"
INSTANCE = "123456"
GRAFANA_ENDPOINT = "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"
TRIO = {
    "GRAFANA_INSTANCE_ID": INSTANCE,
    "GRAFANA_API_TOKEN": MARKER,
    "GRAFANA_OTLP_ENDPOINT": GRAFANA_ENDPOINT,
}
BASIC = base64.b64encode(f"{INSTANCE}:{MARKER}".encode()).decode()
SECRETS = (MARKER, BASIC)

COLLECTOR = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={MARKER}",
}
GRPC = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
}
MODULE = {
    "enabled": True,
    "otlp_endpoint": "https://module.example:4318",
    "otlp_protocol": "http/protobuf",
    "otlp_headers": {"x-api-key": MARKER},
    "resource_attributes": {"team": "blue whales", "cost.center": "42"},
}


def telemetry_variables(env):
    """The variables of an environment that configure telemetry."""
    return {name: value for name, value in env.items()
            if name.startswith("OTEL_") or name in ("CLAUDE_CODE_ENABLE_TELEMETRY",
                                                    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA")}


def attributes(env):
    """OTEL_RESOURCE_ATTRIBUTES, parsed as Claude Code parses it."""
    pairs = [pair.split("=") for pair in env["OTEL_RESOURCE_ATTRIBUTES"].split(",")]
    return {key: unquote(value) for key, value in pairs}


def shows_a_secret(text):
    return any(secret in text for secret in SECRETS)
