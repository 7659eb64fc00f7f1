"""The demo's Internet: a DNS server, an HTTPS service, an OTLP/HTTP collector, and hosts that the
agent must not reach.

Runs until it is killed. Writes each question and request to <stage>/seen, one JSON object per line,
for the verdict. Prints telemetry to standard output. Its packages are those of `scripts/setup demo`.
"""

import asyncio
import json
import sys
import threading
from pathlib import Path

from support.authority import Authority
from support.collector import Collector
from support.dns_server import DnsServer
from support.network import NetworkNamespace
from support.web import Response, Web

RESOLVER, PUBLIC_RESOLVER = "198.51.100.53", "8.8.8.8"
PACKAGES, COLLECTOR, API = "198.51.100.10", "198.51.100.20", "198.51.100.30"
PACKAGES_IPV6 = "2001:db8:10::10"
UNLISTED, UNLISTED_IPV6, METADATA, PRIVATE = "203.0.113.66", "2001:db8:66::66", "169.254.169.254", "10.0.0.5"
ZONE = {
    "packages.example.com": [PACKAGES, PACKAGES_IPV6],
    "collector.example.net": [COLLECTOR],
    "api.anthropic.com": [API],
    "inside.lab.example.com": [PRIVATE],
    "unlisted.example.org": [UNLISTED, UNLISTED_IPV6],
}
# The certificate is valid for all hosts, so that only the gate denies a connection.
CERTIFIED = [*ZONE, UNLISTED, UNLISTED_IPV6]


class Internet:
    def __init__(self, stage):
        self._seen = open(stage / "seen", "a", buffering=1)
        self._lock = threading.Lock()
        self._collector = Collector(self._record_telemetry)
        network, tls = NetworkNamespace.of_this_thread(), Authority(stage, CERTIFIED).server()
        Web(network, COLLECTOR, 4318, self._recorded(COLLECTOR, 4318, self._collector.over_http()), tls)
        for address in (PACKAGES, PACKAGES_IPV6, API, COLLECTOR, UNLISTED, UNLISTED_IPV6, PRIVATE):
            Web(network, address, 443, self._recorded(address, 443, _welcome), tls)
        for address in (PACKAGES, UNLISTED, METADATA):
            Web(network, address, 80, self._recorded(address, 80, _welcome))

    async def answer_questions(self):
        """Starts the DNS servers."""
        for address in (RESOLVER, PUBLIC_RESOLVER):
            await DnsServer(self._resolver(address)).listen(address)

    def _resolver(self, server):
        def addresses_of(name):
            self._record("question", server=server, name=name)
            return ZONE.get(name)
        return addresses_of

    def _recorded(self, address, port, answer):
        def record_and_answer(request):
            self._record("request", address=address, port=port, path=request.path)
            return answer(request)
        return record_and_answer

    def _record_telemetry(self, export):
        attributes = {key: value for group in export.groups for key, value in group.resource.items()}
        authorized = export.headers.get("authorization") == "Bearer demo-token"
        self._record("telemetry", attributes=attributes, authorized=authorized)

    def _record(self, what, **more):
        with self._lock:
            self._seen.write(json.dumps({"what": what, **more}) + "\n")


def _welcome(request):
    return Response(200, body=b"welcome to " + (request.header("Host") or "nowhere").encode() + b"\n")


async def main():
    stage = Path(sys.argv[1])
    await Internet(stage).answer_questions()
    (stage / "ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
