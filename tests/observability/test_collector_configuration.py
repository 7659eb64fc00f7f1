"""container/collector: its configurations are valid, a missing setting ends the start, and its files name the same things."""

import re
import subprocess

import pytest
import yaml

from observability.collecting import AUTHENTICATORS, FILES, RUNTIME, settings
from support.authority import Authority
from support.otelcol import BUILT, OTELCOL, validate
from support.project import ROOT
from support.relayed import COLLECTOR
from support.telemetry import MARKER

BACKEND = {"OTLP_ENDPOINT": "https://otlp.example/otlp", "OTLP_USERNAME": "123456"}
KINDS = {"to-s3": {}, "to-otlp": BACKEND | {"OTLP_AUTH": "basicauth"}}


@pytest.fixture
def problem(tmp_path):
    """What `otelcol validate` says about one of the collectors with these settings."""
    def check(kind, **more):
        env = settings(tmp_path, **KINDS[kind] | more)
        return validate(tmp_path, FILES / "receive.yaml", FILES / f"{kind}.yaml", env=env)
    return check


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ["plain", "tls", "mtls"])
@pytest.mark.parametrize("content", ["keep", "drop"])
@pytest.mark.parametrize("auth", AUTHENTICATORS)
def test_each_configuration_is_valid(problem, kind, transport, content, auth):
    assert problem(kind, COLLECTOR_TRANSPORT=transport, COLLECTOR_CONTENT=content, COLLECTOR_AUTH=auth) == ""


@pytest.mark.parametrize("auth", AUTHENTICATORS)
@pytest.mark.parametrize("how", [{}, {"OTLP_PROTOCOL": "grpc", "OTLP_ENDPOINT": None,
                                      "OTLP_GRPC_ENDPOINT": "https://otlp.example:4317"}], ids=["http", "grpc"])
def test_each_credential_of_a_backend_is_valid(problem, auth, how):
    assert problem("to-otlp", OTLP_AUTH=auth, **how) == ""


@pytest.mark.parametrize("kind, name, value, said", [
    ("to-s3", "S3_BUCKET", None, "bucket"), ("to-s3", "S3_BUCKET", "", "bucket"),
    ("to-s3", "S3_REGION", None, "region is required"), ("to-s3", "S3_REGION", "", "region is required"),
    ("to-s3", "COLLECTOR_AUTH", "none", "none/agents"), ("to-otlp", "COLLECTOR_AUTH", "none", "none/agents"),
    ("to-otlp", "OTLP_PROTOCOL", "udp", "otlp_udp"),
    ("to-s3", "COLLECTOR_TRANSPORT", "none", "otlp/none"), ("to-s3", "COLLECTOR_CONTENT", "some", "transform/some"),
    ("to-otlp", "OTLP_ENDPOINT", None, "endpoint"), ("to-otlp", "OTLP_ENDPOINT", "", "endpoint"),
    ("to-otlp", "OTLP_AUTH", None, "/backend"), ("to-otlp", "OTLP_AUTH", "", "/backend"),
    ("to-otlp", "OTLP_AUTH", "apikey", "apikey")])
def test_a_missing_or_wrong_setting_is_named(problem, kind, name, value, said):
    assert said in problem(kind, **{name: value})


@pytest.mark.parametrize("kind, name", [("to-s3", "COLLECTOR_TOKENS"), ("to-s3", "COLLECTOR_CERTIFICATE"),
                                        ("to-otlp", "OTLP_PASSWORD")])
def test_a_missing_file_ends_the_start(tmp_path, kind, name):
    authority = Authority(tmp_path, [COLLECTOR])
    password = tmp_path / "password"
    password.write_text("secret")
    files = {"COLLECTOR_CERTIFICATE": authority.host, "COLLECTOR_KEY": authority.host_key, "OTLP_PASSWORD": password,
             name: "/etc/missing"}
    env = settings(tmp_path, **KINDS[kind], **{"COLLECTOR_TRANSPORT": "tls"} | files) | {
        "COLLECTOR_GRPC": "127.0.0.1:0", "COLLECTOR_HTTP": "127.0.0.1:0", "COLLECTOR_HEALTH": "127.0.0.1:0"}
    done = subprocess.run([OTELCOL, "--config", FILES / "receive.yaml", "--config", FILES / f"{kind}.yaml"], env=env,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "/etc/missing" in done.stderr, done.stderr
    assert MARKER not in done.stderr and "secret" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_are_those_of_the_configuration(kind):
    def described(*names):
        return {name for each in names for name in re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (FILES / each).read_text(), re.M)}

    def used(name):
        return set(re.findall(r"\$\{env:(\w+)", (FILES / name).read_text()))
    assert described("common.env", f"{kind}.env") == used("receive.yaml") | used(f"{kind}.yaml") | set(RUNTIME)
    defaults = {default for each in ("receive.yaml", f"{kind}.yaml")
                for default in re.findall(r"\$\{env:(\w+):-([^$}]*)", (FILES / each).read_text())}
    told = {default for each in ("common.env", f"{kind}.env")
            for default in re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", (FILES / each).read_text(), re.M)}
    assert told - set(RUNTIME.items()) <= defaults


# Compose --------------------------------------------------------------------------------------------------------------


def test_the_compose_file_follows_its_schema():
    checker = BUILT.parent / "venv" / "bin" / "check-jsonschema"
    if not checker.exists():
        pytest.skip("there is no check-jsonschema: run tests/observability/build")
    done = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", FILES / "compose.yaml"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_runs_the_version_that_is_tested_with_files_that_exist():
    compose = yaml.safe_load((FILES / "compose.yaml").read_text())
    built = yaml.safe_load((ROOT / "tests/observability/collector/builder.yaml").read_text())["dist"]["version"]
    for name, service in compose["services"].items():
        assert service["image"] == f"otel/opentelemetry-collector-contrib:{built}"
        for file in service["env_file"]:
            assert (FILES / file).exists()
        mounted = {volume["target"]: volume["source"] for volume in service["volumes"]}
        for argument in service["command"]:
            assert (FILES / mounted[argument.removeprefix("--config=")]).exists()
        assert service["profiles"] == [name]
        assert all(port.startswith("${COLLECTOR_ADDRESS:-127.0.0.1}:") for port in service["ports"])
        assert set(service["secrets"]) <= set(compose["secrets"])
