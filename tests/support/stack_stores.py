"""The stack of the profile apache as processes in a network of the tests: the collector, Prometheus, VictoriaLogs and Jaeger, with
the configurations and the commands of container/stack/compose.yaml.

    with Stores(network, directory) as stores:
        # agents send to stores.endpoint
        stores.prometheus.query("up")            # [(labels, value)]
        stores.logs.query("event.name:api_error")  # [record]
        stores.jaeger.traces("claude-code")      # [[span, of one trace], …]
"""

import http.client
import json
import shutil
import urllib.parse

from support.otelcol import BUILT, OtelCollector, Program, listens
from support.project import ROOT
from support.stack import STACK, moved, services
from support.waiting import eventually

PROMETHEUS = "/usr/bin/prometheus"
VICTORIALOGS, JAEGER = BUILT / "victoria-logs", BUILT / "jaeger"
KEY = "key-of-the-tests"
PORTS = {"prometheus": 9090, "victorialogs": 9428, "jaeger": 16686, "jaeger-otlp": 14318, "jaeger-grpc": 16685}


def missing():
    """Why the stores cannot be started here; nothing if they can."""
    if not shutil.which(PROMETHEUS):
        return "there is no Prometheus: run scripts/setup observability"
    for program in (VICTORIALOGS, JAEGER):
        if not program.exists():
            return f"there is no {program.name}: install Go 1.25 or newer, and run tests/observability/build"
    return None


class Stores:
    """Ready when it is made. The directory keeps what the stores have: another Stores there has it too."""

    def __init__(self, network, directory, address="127.0.0.1", collector_address=None, **env):
        """Where the stores listen, and where the collector does, if elsewhere. `env`: more variables of the collector."""
        self.network, self.directory, self.address = network, directory, address
        at = collector_address or address
        self.endpoint = f"http://{at}:4318"
        self._programs = []
        settings = services("apache")
        hosts = {"http://jaeger:4318": f"http://{address}:{PORTS['jaeger-otlp']}", "http://prometheus": f"http://{address}",
                 "http://victorialogs": f"http://{address}"}
        # The collector's configurations and variables.
        self.collector_setup = (ROOT / "container/collector/receive.yaml", STACK / "collector.yaml"), moved(
            settings["collector-apache"]["environment"], hosts) | {
                "COLLECTOR_QUEUE": str(directory / "otelcol"), "COLLECTOR_GRPC": f"{at}:4317", "COLLECTOR_HTTP": f"{at}:4318",
                "COLLECTOR_HEALTH": f"{at}:13133"} | env
        for name in ("prometheus", "victorialogs", "jaeger", "otelcol"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        try:
            self._start("prometheus", PROMETHEUS, moved(settings["prometheus"]["command"], {
                "/etc/prometheus": STACK / "prometheus", "/data": directory / "prometheus"}) + [
                    f"--web.listen-address={address}:{PORTS['prometheus']}"])
            self._start("victorialogs", VICTORIALOGS, moved(settings["victorialogs"]["command"], {
                "/data": directory / "victorialogs", "=:9428": f"={address}:9428"}), {"KEY": KEY})
            self._start("jaeger", JAEGER, moved(settings["jaeger"]["command"], {"/etc/jaeger": STACK}),
                        settings["jaeger"]["environment"] | {
                            "JAEGER_DATA": str(directory / "jaeger"), "JAEGER_OTLP": f"{address}:{PORTS['jaeger-otlp']}",
                            "JAEGER_UI": f"{address}:{PORTS['jaeger']}", "JAEGER_GRPC": f"{address}:{PORTS['jaeger-grpc']}"})
            self.prometheus, self.logs, self.jaeger = Prometheus(self), VictoriaLogs(self), Jaeger(self)
            self._await("prometheus", "/-/ready")
            self._await("victorialogs", "/health")
            self._await("jaeger", "/api/services")
            configurations, env = self.collector_setup
            self._programs.append(OtelCollector(network, directory, *configurations, env=env))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all; the data stays."""
        while self._programs:
            program = self._programs.pop()
            if program.running():
                program.end()

    def log(self):
        return "".join(program.log() for program in self._programs)

    def get(self, store, path, **query):
        """The body of a store's answer, which must be a success."""
        with self.network.entered():
            server = http.client.HTTPConnection(self.address, PORTS[store], timeout=30)
            server.request("GET", f"{path}?{urllib.parse.urlencode(query, doseq=True)}" if query else path)
            answer = server.getresponse()
            body = answer.read()
            assert answer.status == 200, (path, query, answer.status, body)
            return body

    def _start(self, name, program, words, env=None):
        self._programs.append(Program(self.network, [program, *words], env or {}, self.directory / f"{name}.log"))

    def _await(self, store, path):
        def answers():
            assert all(program.running() for program in self._programs), self.log()
            if not listens(self.network, self.address, PORTS[store]):
                return False
            try:
                self.get(store, path)
                return True
            except AssertionError:
                return False
        eventually(answers, f"{store} is ready: {self.log()}", 60)


class Prometheus:
    def __init__(self, stores):
        self._stores = stores

    def query(self, expression, **more):
        """The series of an instant query: (labels, value). `time=` asks for another time."""
        return [(series["metric"], float(series["value"][1])) for series in self._ask("query", query=expression, **more)]

    def query_range(self, expression, start, end, step):
        """The series of a range query: (labels, [(time, value)])."""
        return [(series["metric"], [(at, float(value)) for at, value in series["values"]])
                for series in self._ask("query_range", query=expression, start=start, end=end, step=step)]

    def names(self):
        """The names of all metrics."""
        return set(json.loads(self._stores.get("prometheus", "/api/v1/label/__name__/values"))["data"])

    def labels(self, name):
        """The labels of a metric."""
        return set(json.loads(self._stores.get("prometheus", "/api/v1/labels", **{"match[]": name}))["data"])

    def _ask(self, path, **query):
        return json.loads(self._stores.get("prometheus", f"/api/v1/{path}", **query))["data"]["result"]


class VictoriaLogs:
    def __init__(self, stores):
        self._stores = stores

    def query(self, expression="*", limit=10000):
        """The records that LogsQL finds, each a dict of its fields."""
        body = self._stores.get("victorialogs", "/select/logsql/query", query=expression, limit=limit)
        return [json.loads(line) for line in body.decode().splitlines()]


class Jaeger:
    def __init__(self, stores):
        self._stores = stores

    def services(self):
        return json.loads(self._stores.get("jaeger", "/api/services"))["data"] or []

    def traces(self, service, limit=100, tags=None):
        """The newest traces of a service with these attributes, each a list of its spans in Jaeger's JSON."""
        found = json.loads(self._stores.get("jaeger", "/api/traces", service=service, limit=limit, lookback="2d",
                                            tags=json.dumps(tags or {})))["data"]
        return [trace["spans"] for trace in found]
