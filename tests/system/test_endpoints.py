"""Endpoints are parsed strictly. The error for a bad endpoint is one line that names the
variable, not its value."""

import pytest

from support.plans import destinations
from support.refusal import refusal
from support.telemetry import COLLECTOR, MARKER, TRIO

BAD = {
    "user": f"https://{MARKER}@collector.example/",
    "user and password": f"https://user:{MARKER}@collector.example/",
    "user without host": f"https://{MARKER}@/",
    "two at signs": f"https://a@{MARKER}@collector.example",
    "fragment": f"https://collector.example/path#{MARKER}",
    "query": f"https://collector.example/path?token={MARKER}",
    "space in the host": "https://collector .example",
    "space in the path": f"https://collector.example/a {MARKER}",
    "space in front": " https://collector.example",
    "space behind": "https://collector.example ",
    "tab": "https://collector.example/\ta",
    "line end": "https://collector.example\nInjected: yes",
    "escape": "https://collector.example/\x1b[31m",
    "delete": "https://collector.example/\x7f",
    "not ASCII": "https://köln.example",
    "not ASCII in the path": "https://collector.example/köln",
    "full-width": "https://collector．example",
    "backslash": "https://collector.example\\@evil.example",
    "empty label": "https://collector..example",
    "label too long": f"https://{'a' * 64}.example",
    "name too long": f"https://{'.'.join(['a' * 63] * 4)}.example",
    "hyphen in front": "https://-collector.example",
    "octal address": "https://0177.0.0.1",
    "short address": "https://127.1",
    "address out of range": "https://256.0.0.1",
    "number for an address": "https://2130706433",
    "IPv6 without brackets": "https://2001:db8::1/",
    "IPv6 without end": "https://[2001:db8::1",
    "IPv6 with zone": "https://[fe80::1%25eth0]/",
    "text after IPv6": "https://[2001:db8::1]x",
    "port 0": "https://collector.example:0",
    "port 70000": "https://collector.example:70000",
    "port 65536": "https://collector.example:65536",
    "port wrapped around": "https://collector.example:4294967739",
    "no port after the colon": "https://collector.example:/",
    "port in words": "https://collector.example:https",
    "signed port": "https://collector.example:+443",
    "negative port": "https://collector.example:-443",
    "two ports": "https://collector.example:443:443",
    "no scheme": "collector.example:4318",
    "no scheme, two slashes": "//collector.example",
    "other scheme": "ftp://collector.example",
    "scheme of a file": "file:///etc/passwd",
    "one slash": "https:/collector.example",
    "three slashes": "https:///collector.example",
    "no host": "https://",
    "no host but a port": "https://:443",
    "endless": "https://collector.example/" + "a" * 100_000,
}
ONE_OF_EACH_SOURCE = {
    "GRAFANA_OTLP_ENDPOINT": TRIO,
    "OTEL_EXPORTER_OTLP_ENDPOINT": COLLECTOR,
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": COLLECTOR,
}


@pytest.mark.parametrize("variable", ONE_OF_EACH_SOURCE)
@pytest.mark.parametrize("endpoint", BAD.values(), ids=BAD)
def test_a_bad_endpoint_is_refused_in_one_line_that_names_the_variable(sandbox, variable, endpoint):
    line = refusal(sandbox.boot("true", env=ONE_OF_EACH_SOURCE[variable] | {variable: endpoint}), 78)
    assert variable in line
    assert len(line) < 500 and line[:-1].isprintable()


def test_a_bad_endpoint_in_the_modules_object_is_refused(sandbox):
    sandbox.policy({"telemetry": {"enabled": True, "otlp_endpoint": f"https://u:{MARKER}@x.example"}})
    assert "otlp_endpoint" in refusal(sandbox.boot("true"), 78)


@pytest.mark.parametrize("endpoint, host, port", [
    ("https://collector.example", "collector.example", 443),
    ("http://collector.example", "collector.example", 80),
    ("https://collector.example/", "collector.example", 443),
    ("https://collector.example:1", "collector.example", 1),
    ("https://collector.example:65535/a/b", "collector.example", 65535),
    ("https://192.0.2.7:4318", "192.0.2.7", 4318),
    ("https://[2001:db8::7]", "2001:db8::7", 443),
    ("http://[2001:DB8:0:0::7]:4318/x", "2001:db8::7", 4318),
    ("https://Collector.EXAMPLE/Path", "collector.example", 443),
    ("HTTPS://collector.example", "collector.example", 443),
    ("https://a_b.example", "a_b.example", 443),
    (f"https://{'.'.join(['a' * 63] * 3)}.example", f"{'.'.join(['a' * 63] * 3)}.example", 443),
])
def test_a_good_endpoint_is_accepted(sandbox, endpoint, host, port):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    assert (host, port) in destinations(sandbox.plan(env=env))


def test_the_path_of_an_endpoint_is_kept(sandbox):
    env = COLLECTOR | {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example/Deep/path%20too"}
    assert sandbox.agent_environment(env=env)["OTEL_EXPORTER_OTLP_ENDPOINT"].endswith("/Deep/path%20too")
