"""Collectors: they accept OTLP over HTTP or gRPC, and record the exports with their headers."""

from typing import NamedTuple

from support import otlp
from support.web import Response, joined

READERS = {"application/x-protobuf": otlp.from_protobuf, "application/json": otlp.from_json}
METHODS = {f"/opentelemetry.proto.collector.{word}.v1.{word.capitalize()}Service/Export": signal
           for word, signal in (("trace", "traces"), ("metrics", "metrics"), ("logs", "logs"))}


class Export(NamedTuple):
    signal: str
    form: str  # the content type
    headers: dict  # by name in lower case
    groups: list

    def items(self):
        return [item for group in self.groups for item in group.items]


class Collector:
    """The records of one host, for all its ports."""

    def __init__(self, on_export=lambda export: None):
        """Calls `on_export` with each export."""
        self._on_export = on_export
        self.exports = []
        self.refused = []  # requests that were not OTLP, or had a wrong path

    def forget(self):
        self.exports.clear()
        self.refused.clear()

    def of(self, signal):
        return [export for export in self.exports if export.signal == signal]

    def items(self, signal, name=None):
        return [item for export in self.of(signal) for item in export.items() if name in (None, item.name)]

    def resources(self):
        """The resources of all groups."""
        return [group.resource for export in self.exports for group in export.groups]

    def over_http(self, base=""):
        """The request handler of an HTTP server whose endpoint has this base path."""
        def answer(request):
            signal = request.path.removeprefix(f"{base}/v1/")
            form = request.header("Content-Type")
            if request.method != "POST" or signal not in otlp.SIGNALS or form not in READERS:
                self.refused.append(request)
                return Response(404)
            self._take(signal, form, request.headers, READERS[form](signal, request.body))
            return Response(200, form, b"{}" if form == "application/json" else b"")
        return answer

    def over_grpc(self):
        """The request handler of a gRPC server."""
        def answer(path, headers, message):
            if path not in METHODS:
                self.refused.append(path)
                return None
            self._take(METHODS[path], "grpc", headers, otlp.from_protobuf(METHODS[path], message))
            return b""
        return answer

    def _take(self, signal, form, headers, groups):
        export = Export(signal, form, joined(headers), groups)
        self.exports.append(export)
        self._on_export(export)
