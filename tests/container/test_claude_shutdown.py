"""When the container is stopped during a turn, telemetry that Claude Code has not sent yet still
arrives."""

import time

import pytest

from support.claude import api
from support.claude.internet import COLLECTOR
from support.waiting import PATIENCE
from test_claude_telemetry import PROMPT, TRIO

GRACE = 10  # seconds; ostiary's default
PLAIN = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4318"}
GRPC = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{COLLECTOR}:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
LONG = {"OTEL_METRIC_EXPORT_INTERVAL": "600000", "OTEL_LOGS_EXPORT_INTERVAL": "600000"}  # milliseconds


@pytest.mark.parametrize("env, name", [(TRIO, "gateway"), (PLAIN, "collector"), (GRPC, "collector")],
                         ids=["trio", "collector", "gRPC"])
def test_at_sigterm_the_last_metrics_and_logs_arrive_before_the_end_and_within_the_grace_time(claude, env, name):
    running = claude.start(api.HOLD, prompt=PROMPT, env=env | LONG)
    assert claude.internet.api.holding.wait(PATIENCE)
    collector = getattr(claude.internet, name)
    assert collector.of("metrics") == []
    stopped = time.monotonic()
    running.signal("TERM")
    done = running.wait(GRACE + PATIENCE)
    took = time.monotonic() - stopped
    metrics = {item.name for item in collector.items("metrics")}
    events = {item.name for item in collector.items("logs")}
    assert "claude_code.session.count" in metrics, (metrics, done)
    assert "user_prompt" in events, (events, done)
    assert took < GRACE
    assert done.status == 143
