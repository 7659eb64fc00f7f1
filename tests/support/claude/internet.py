"""The whole stand-in Internet: names, addresses, and servers."""

from support.claude.api import Api
from support.authority import Authority
from support.collector import Collector
from support.grpc import GrpcServer
from support.web import Response, Web
from support.behaviours import addresses
from support.outside import Outside

API, GATEWAY, COLLECTOR, OTHER, UNLISTED = (
    "api.anthropic.com", "otlp-gateway-stand-in.grafana.net", "collector", "other.example.net", "unlisted.example.org")
ADDRESS = {API: "198.51.100.30", GATEWAY: "198.51.100.40", COLLECTOR: "10.1.2.20", OTHER: "198.51.100.50",
           UNLISTED: "203.0.113.66"}


class ClaudeInternet(Outside):
    """gateway: OTLP over TLS at https://GATEWAY/otlp
    collector: OTLP over HTTP at http://COLLECTOR:4318 and over gRPC at http://COLLECTOR:4317
    other: a collector at http://OTHER:4318 that must not receive anything
    unlisted: the requests to a host that no policy allows
    """

    def __init__(self, directory):
        super().__init__()
        self.authority = Authority(directory, ADDRESS)
        self.api, self.gateway, self.collector, self.other = Api(), Collector(), Collector(), Collector()
        self.unlisted = []
        tls = self.authority.server()
        self._servers = [
            Web(self.network, ADDRESS[API], 443, self.api.answer, tls),
            Web(self.network, ADDRESS[GATEWAY], 443, self.gateway.over_http("/otlp"), tls),
            Web(self.network, ADDRESS[COLLECTOR], 4318, self.collector.over_http()),
            GrpcServer(self.network, ADDRESS[COLLECTOR], 4317, self.collector.over_grpc()),
            Web(self.network, ADDRESS[OTHER], 4318, self.other.over_http()),
            Web(self.network, ADDRESS[UNLISTED], 443, self._welcome, tls),
            Web(self.network, ADDRESS[UNLISTED], 80, self._welcome),
        ]
        for name, address in ADDRESS.items():
            self.upstream.name(name, addresses(address))

    def start_over(self, *script, of={}):
        """Clears all records. The API plays this script, or in a conversation that begins with one of these words, its."""
        self.packets()
        self.api.start_over(*script, of=of)
        for collector in (self.gateway, self.collector, self.other):
            collector.forget()
        self.unlisted.clear()
        self.upstream.queries.clear()

    def packets_to(self, name, packets):
        return [packet for packet in packets if packet.destination == ADDRESS[name]]

    def close(self):
        for server in self._servers:
            server.close()
        super().close()

    def _welcome(self, request):
        self.unlisted.append(request)
        return Response(200, body=b"welcome\n")
