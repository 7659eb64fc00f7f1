"""An error does not repeat a secret that is in the wrong variable."""

import pytest

from support.telemetry import MARKER

NAMES = ["GRAFANA_INSTANCE_ID", "GRAFANA_API_TOKEN", "GRAFANA_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
         "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
         "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "OSTIARY_TELEMETRY"]
LONG = "x" * 300
SECRETS = {"a token": MARKER, "a path's look": f"/{MARKER}", "in a directory that is there": f"/etc/{MARKER}",
           "too long for a name": MARKER + LONG, "too long for a path": f"/{MARKER}" + "/x" * 3000,
           "below a file": f"/etc/passwd/{MARKER}", "an object": f'{{"otlp_headers": {{"x": "{MARKER}"}}}}',
           "several lines": f"a\n{MARKER}"}
TOKENS = [f"sk-ant-api03-{MARKER}-Abc0123456789", f"Bearer {MARKER}Abcdefgh0123456789"]
WITH_A_PASSWORD = [f"user:{MARKER}@host", f"https://user:{MARKER}@host.example/", f"user:a,{MARKER}@host", f"https://host/?key={MARKER}"]


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_instead_of_its_files_path_is_not_shown(sandbox, name, what, command):
    result = sandbox.run(command, "--", "true", env={f"{name}_FILE": SECRETS[what]})
    assert result.status == 66 and len(result.stderr.splitlines()) == 1, result
    assert f"{name}_FILE" in result.stderr and MARKER not in result.stdout + result.stderr, result


def check_refusal(sandbox, variable, text):
    """The text is refused, by variable and by flag, and not shown."""
    flag = variable.removeprefix("OSTIARY_").lower().replace("_", "-")
    for result in (sandbox.run("plan", "--", "true", env={variable: text}), sandbox.run("plan", f"--{flag}={text}", "--", "true")):
        assert result.status in (66, 78) and len(result.stderr.splitlines()) == 1, result
        assert MARKER not in result.stdout + result.stderr, result


@pytest.mark.parametrize("text", WITH_A_PASSWORD)
@pytest.mark.parametrize("variable", ["OSTIARY_UPSTREAM", "OSTIARY_POLICY", "OSTIARY_AUDIT", "OSTIARY_ALLOW_INBOUND", "OSTIARY_ALLOW",
                                      "OSTIARY_USER", "OSTIARY_WORKDIR", "OSTIARY_AUTH_HOOK", "OSTIARY_HOLD", "OSTIARY_LOG_LEVEL"])
def test_a_password_in_a_setting_is_not_shown(sandbox, variable, text):
    check_refusal(sandbox, variable, text)


@pytest.mark.parametrize("text", TOKENS)
@pytest.mark.parametrize("variable", ["OSTIARY_UPSTREAM", "OSTIARY_POLICY", "OSTIARY_AUDIT", "OSTIARY_ALLOW_INBOUND", "OSTIARY_ALLOW",
                                      "OSTIARY_ALLOW_SOCKET", "OSTIARY_USER", "OSTIARY_WORKDIR", "OSTIARY_AUTH_HOOK", "OSTIARY_SCOPE"])
def test_a_token_in_a_setting_is_not_shown(sandbox, variable, text):
    check_refusal(sandbox, variable, text)
