"""A developer's machine: Claude Code and ostiary without a gate, a scripted model, and a collector that asks for a token and keeps
content."""

import json

from observability.collecting import FILES
from support.authority import Authority
from support.behaviours import addresses
from support.claude import api
from support.claude.claude import ENVIRONMENT
from support.otelcol import OtelCollector, written
from support.otlp import SIGNALS
from support.relayed import AT
from support.rootfs import AGENT
from support.telemetry import MARKER

HOST = "otel.example.com"
HOME = "/home/agent"
SETTINGS = f"{HOME}/.claude/settings.json"
OWN = b'{\n    "model": "opus",\n\t"env": {"MINE": "1"}\n}'
HEADER = f"{HOME}/otel-header"


class Developer:
    def __init__(self, container, internet, directory):
        self.machine, self.internet, self.directory, self.tokens = container, internet, directory, directory / "tokens"
        for each in (f"{HOME}/.claude", "/home/other/.claude"):
            container.mkdir(each, owner=AGENT)
        container.write(SETTINGS, OWN, owner=AGENT)
        container.write(HEADER, f"Authorization: Bearer {MARKER}\n", mode=0o600, owner=AGENT)
        authority = Authority(directory, [HOST])
        container.write("/etc/authority.pem", container.read("/etc/authority.pem") + authority.certificate.read_text())
        internet.upstream.name(HOST, addresses(AT))
        self.tokens.write_text(f"{MARKER}\n")
        self.certificate = {"COLLECTOR_CERTIFICATE": str(authority.host), "COLLECTOR_KEY": str(authority.host_key)}
        self.start_collector()

    def start_collector(self):
        exporters = ", ".join(f"file/{each}: {{ path: {self.directory / each}.jsonl, flush_interval: 50ms }}"
                              for each in SIGNALS)
        pipelines = ", ".join(f"{each}: {{ exporters: [file/{each}] }}" for each in SIGNALS)
        self.collector = OtelCollector(
            self.internet.network, self.directory, FILES / "receive.yaml",
            f"exporters: {{ {exporters} }}\n"
            f"service: {{ pipelines: {{ {pipelines} }}, telemetry: {{ metrics: {{ level: none }} }} }}",
            env=self.certificate | {
                "COLLECTOR_TOKENS": str(self.tokens), "COLLECTOR_QUEUE": str(self.directory / "queue"), "COLLECTOR_CONTENT": "keep",
                "COLLECTOR_GRPC": f"{AT}:4317", "COLLECTOR_HTTP": f"{AT}:4318", "COLLECTOR_HEALTH": f"{AT}:13133"})

    def restart_collector(self, tokens):
        """The collector reads its tokens from this file."""
        self.tokens = tokens
        self.collector.end()
        self.start_collector()

    def takes(self, token):
        """Whether the collector takes a batch with this token."""
        self.machine.write(HEADER, f"Authorization: Bearer {token}\n", mode=0o600, owner=AGENT)
        self.connect()
        return self.run("ostiary", "telemetry", "check").status == 0

    def connect(self):
        done = self.run("ostiary", "telemetry", "connect", "--endpoint", f"https://{HOST}:4318", "--header-file", HEADER)
        assert done.status == 0, done

    def session(self, prompt, *turns, flags=("--allowedTools", "Bash")):
        """Claude Code with this prompt, while the model plays these turns. Returns the tools' results."""
        self.internet.start_over(*turns, api.say("done"))
        done = self.run("claude", "-p", prompt, *flags, env={"CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "20000"})
        assert (done.status, done.stdout) == (0, "done\n"), done
        return self.internet.api.tool_results()

    def terminal(self):
        """Claude Code in a terminal, past its first questions."""
        self.machine.write(f"{HOME}/.claude.json", json.dumps({
            "hasCompletedOnboarding": True, "projects": {"/work": {"hasTrustDialogAccepted": True}},
            "customApiKeyResponses": {"approved": [ENVIRONMENT["ANTHROPIC_API_KEY"][-20:]]}}), owner=AGENT)
        return self.start("claude", tty=True, env={"TERM": "xterm-256color"})

    def run(self, command, *words, **how):
        return self.start(command, *words, stdin=b"", **how).wait()

    def start(self, command, *words, env={}, uid=AGENT, **how):
        return self.machine.launch(f"/opt/bin/{command}", *words, uid=uid, cwd="/work", env=ENVIRONMENT | {
            "HOME": HOME, "PATH": "/opt/bin:/usr/bin:/bin", "DISABLE_AUTOUPDATER": "1",
            "NODE_EXTRA_CA_CERTS": "/etc/authority.pem"} | env, **how)

    def requests(self):
        return [asked for _, asked in self.internet.api.requests]

    def conversation(self):
        """The texts of the last request."""
        return "\n".join(block.get("text", "") for message in self.requests()[-1]["messages"]
                         for block in message["content"] if isinstance(block, dict))

    def settings(self):
        return self.machine.at(SETTINGS).read_bytes()

    def arrived(self, signal, **resource):
        return [item.name for group in written(self.directory / f"{signal}.jsonl", signal)
                if resource.items() <= group.resource.items() for item in group.items]
