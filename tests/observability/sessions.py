"""A session of the real Claude Code under ostiary, which sends its telemetry through the relay to a collector."""

import contextlib
import os
import shutil
import tempfile

from support import namespaces
from support.behaviours import addresses
from support.claude.claude import ENVIRONMENT
from support.claude.internet import ClaudeInternet
from support.container import Container
from support.otelcol import BUILT
from support.relayed import AT, COLLECTOR
from support.rootfs import AGENT

CLAUDE = BUILT / "claude"
CONTENT = {name: "1" for name in ("OTEL_LOG_USER_PROMPTS", "OTEL_LOG_ASSISTANT_RESPONSES", "OTEL_LOG_TOOL_DETAILS",
                                  "OTEL_LOG_TOOL_CONTENT", "OTEL_LOG_RAW_API_BODIES", "ENABLE_BETA_TRACING_DETAILED")}

# What a session with all content sends. Without claude_code.interaction, which ends last: on a busy machine Claude Code ends without
# sending it.
EXPECTED = {"traces": {"claude_code.llm_request", "claude_code.tool", "claude_code.tool.execution"},
            "metrics": {"claude_code.session.count", "claude_code.token.usage", "claude_code.cost.usage"},
            "logs": {"user_prompt", "api_request", "api_request_body", "api_response_body", "tool_decision", "tool_result",
                     "assistant_response"}}


@contextlib.contextmanager
def an_internet(directory):
    """The Internet as Claude Code sees it, with the name of a collector at AT."""
    made = ClaudeInternet(directory)
    made.upstream.name(COLLECTOR, addresses(AT))
    yield made
    made.close()


@contextlib.contextmanager
def a_container(scratch, binary, internet):
    made = Container(tempfile.mkdtemp(dir=scratch), binary, internet, check_names="on")
    made.write("/opt/bin/claude", "", mode=0o755)
    namespaces.bind(CLAUDE, made.at("/opt/bin/claude"))
    os.chown(made.at("/work"), AGENT, AGENT)
    made.write("/etc/authority.pem", internet.authority.certificate.read_text())
    yield made
    made.end()
    namespaces.unmount(made.at("/opt/bin/claude"))
    internet.detach(made.link)
    shutil.rmtree(made.path)


def session_of(container, prompt, endpoint, *flags, **env):
    """Runs `claude -p`, and waits for its end. The API plays its script meanwhile."""
    return start_session_of(container, prompt, endpoint, *flags, **env).wait()


def start_session_of(container, prompt, endpoint, *flags, **env):
    return container.start(
        "run", "--user", "agent", "--workdir", "/work", "--", "claude", "-p", prompt, "--allowedTools", "Bash", *flags,
        stdin=b"", env=ENVIRONMENT | {
            "NODE_EXTRA_CA_CERTS": "/etc/authority.pem", "DISABLE_AUTOUPDATER": "1", "OSTIARY_AUDIT_OTLP": "on",
            "CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "20000", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_RESOURCE_ATTRIBUTES": "team=blue"} | env)
