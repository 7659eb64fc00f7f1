"""container/stack: its files are valid and name the same things, nothing of it can be reached from another machine, and the known
mistakes of such stacks are not in it, nor in container/collector. Loki's, Tempo's and Grafana's own files are only read here: these
programs cannot be had."""

import json
import re
import subprocess

import pytest
import yaml

from support.otelcol import BUILT, OTELCOL
from support.project import ROOT
from support.stack import COMPOSE, PROFILES, STACK, VARIABLE, compose, services

COLLECTOR = ROOT / "container" / "collector"
RECEIVE = COLLECTOR / "receive.yaml"
DOCUMENT = (ROOT / "docs" / "stack.md").read_text()
FILES = (RECEIVE, COLLECTOR / "to-s3.yaml", COLLECTOR / "to-otlp.yaml", STACK / "collector.yaml")
SIGNALS = ("logs", "metrics", "traces")
# The settings without which the collectors of container/collector are not complete.
KINDS = {"to-s3": {"S3_BUCKET": "b", "S3_REGION": "r"}, "to-otlp": {"OTLP_ENDPOINT": "https://h", "OTLP_AUTH": "basicauth", "OTLP_USERNAME": "1"}}


def environment(profile):
    """The collector's variables in a profile."""
    return services(profile)[f"collector-{profile}"]["environment"]


def defaults():
    """The settings that the program knows, with their defaults."""
    known = re.search(r"^DEFAULTS = \{(.*?)\}", (STACK / "stack").read_text(), re.M | re.S)[1]
    return dict(re.findall(r'"(STACK_\w+)":\s+"(\w+)"', known))


def configurations():
    """Each collector of this tree: its name, its files, its variables."""
    for profile in PROFILES:
        yield profile, (RECEIVE, STACK / "collector.yaml"), environment(profile)
    for kind, env in KINDS.items():
        yield kind, (RECEIVE, COLLECTOR / f"{kind}.yaml"), env | {"COLLECTOR_TRANSPORT": "plain"}


@pytest.fixture(params=configurations(), ids=lambda each: each[0])
def collector(request):
    """A collector: its files, its variables, and its configuration as the collector itself puts it together."""
    name, files, env = request.param
    words = [word for file in files for word in ("--config", str(file))]
    done = subprocess.run([OTELCOL, "print-config", "--mode", "unredacted", "--validate=false", *words],
                          env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return name, words, env, yaml.safe_load(done.stdout)


# Compose --------------------------------------------------------------------------------------------------------------


def test_the_compose_file_is_valid():
    checked = subprocess.run([BUILT.parent / "venv" / "bin" / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.plain
def test_each_port_is_at_this_machine_alone_and_has_a_setting_of_its_own():
    for profile in PROFILES:
        published = [port for service in services(profile).values() for port in service.get("ports", [])]
        assert len(published) == len(set(published)) >= 6
        for port in published:
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port
    assert len(re.findall(r"127\.0\.0\.1:\$\{STACK_PORT_\w+:-\d+\}:\d+", COMPOSE.read_text())) == 9
    assert "network_mode" not in COMPOSE.read_text()


@pytest.mark.plain
def test_each_image_is_pinned_and_the_collector_is_that_of_the_central_one():
    central = yaml.safe_load((COLLECTOR / "compose.yaml").read_text())["services"]["to-s3"]["image"]
    for profile in PROFILES:
        for name, service in services(profile).items():
            assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+", service["image"]), service["image"]
        assert services(profile)[f"collector-{profile}"]["image"] == central


@pytest.mark.plain
def test_the_victorialogs_of_the_tests_is_of_the_images_release():
    """Not of its very version: build says why."""
    built = re.search(r"^victorialogs_version=(v\d+\.\d+)\.\d+$", (ROOT / "tests/observability/build").read_text(), re.M)[1]
    assert re.fullmatch(rf"victoriametrics/victoria-logs:{re.escape(built)}\.\d+", services("apache")["victorialogs"]["image"])


@pytest.mark.plain
def test_each_service_is_confined():
    for profile in PROFILES:
        for name, service in services(profile).items():
            assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
            assert service["read_only"] is True and not service.get("privileged") and "mem_limit" in service, name
            assert service.get("cap_add", []) == (["DAC_OVERRIDE"] if name == "grafana" else []), name


@pytest.mark.plain
def test_each_store_keeps_its_data_in_a_volume_of_its_own_for_the_one_retention():
    text = COMPOSE.read_text()
    for profile in PROFILES:
        held = [mount["source"] for service in services(profile).values() for mount in service["volumes"] if mount["type"] == "volume"]
        assert len(held) == len(set(held)) == len(services(profile)) and set(held) <= set(compose()["volumes"])
    kept = {name: json.dumps([service.get("command"), service.get("environment")])
            for profile in PROFILES for name, service in services(profile, STACK_RETENTION_HOURS="9999h").items()}
    assert {name for name, said in kept.items() if "9999h" in said} == {"prometheus", "loki", "tempo", "victorialogs", "jaeger"}
    assert yaml.safe_load((STACK / "loki.yaml").read_text())["limits_config"]["retention_period"] == "${LOKI_RETENTION}"
    assert yaml.safe_load((STACK / "loki.yaml").read_text())["compactor"]["retention_enabled"] is True
    assert yaml.safe_load((STACK / "tempo.yaml").read_text())["compactor"]["compaction"]["block_retention"] == "${TEMPO_RETENTION}"
    assert text.count("-config.expand-env=true") == 2


@pytest.mark.plain
def test_each_mounted_file_exists_and_cannot_be_written():
    for profile in PROFILES:
        for service in services(profile).values():
            for mount in service["volumes"]:
                path = STACK / mount["source"]
                assert mount["type"] == "volume" or mount["read_only"] and path.exists(), mount


@pytest.mark.plain
def test_each_setting_is_in_stack_env_with_its_default_and_known_to_the_program():
    listed = dict(re.findall(r"^#(STACK_\w+)=(.*)$", (STACK / "stack.env").read_text(), re.M))
    used = dict(VARIABLE.findall(COMPOSE.read_text()))
    assert {name: value for name, value in used.items() if name in listed} == {
        name: value for name, value in listed.items() if name in used}
    assert set(used) - set(listed) == {"STACK_RETENTION_HOURS", "STACK_STATE"}
    assert set(listed) - set(used) == {"STACK_RETENTION", "STACK_PROFILE"}
    assert defaults() == listed


@pytest.mark.plain
def test_the_document_names_each_setting_with_its_default_and_no_other_port():
    rows = re.findall(r"^\| (`STACK_.*?) \|.*\| (.*?) \|$", DOCUMENT, re.M)
    named = {name: cell for names, cell in rows for name in re.findall(r"`(STACK_\w+)`", names)}
    assert named.keys() == defaults().keys()
    ports = {}
    for names, cell in rows:
        if "STACK_PORT_" in names:
            ports |= dict(zip(re.findall(r"`(STACK_\w+)`", names), re.findall(r"\b\d{4,5}\b", cell), strict=True))
    assert ports == {name: value for name, value in defaults().items() if name in ports} and len(ports) == 9
    assert set(re.findall(r"(?:127\.0\.0\.1|`):(\d+)", DOCUMENT)) <= set(ports.values())
    assert f"{defaults()['STACK_RETENTION']} by default" in named["STACK_RETENTION"]
    assert f"`{defaults()['STACK_CONTENT']}`, the default" in named["STACK_CONTENT"]
    assert f"| `{defaults()['STACK_PROFILE']}`, the default |" in DOCUMENT


@pytest.mark.plain
def test_there_is_no_default_password_no_anonymous_user_and_nothing_asks_a_host_outside():
    grafana = services("grafana")["grafana"]
    env = grafana["environment"]
    assert env["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana-password" and grafana["secrets"] == ["grafana-password"]
    assert "GF_SECURITY_ADMIN_PASSWORD" not in env and env["GF_AUTH_ANONYMOUS_ENABLED"] == env["GF_USERS_ALLOW_SIGN_UP"] == "false"
    for name in ("ANALYTICS_REPORTING_ENABLED", "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
                 "NEWS_NEWS_FEED_ENABLED", "SNAPSHOTS_EXTERNAL_ENABLED", "PLUGINS_PLUGIN_ADMIN_ENABLED"):
        assert env[f"GF_{name}"] == "false", name
    for name in ("SECURITY_DISABLE_GRAVATAR", "PLUGINS_PREINSTALL_DISABLED", "PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED"):
        assert env[f"GF_{name}"] == "true", name
    assert yaml.safe_load((STACK / "loki.yaml").read_text())["analytics"] == {"reporting_enabled": False}
    assert yaml.safe_load((STACK / "tempo.yaml").read_text())["usage_report"] == {"reporting_enabled": False}
    secret = re.compile(r"admin[:/]admin|passw(or)?d\s*[:=]\s*['\"]?\w", re.I)
    for path in STACK.rglob("*"):
        if path.suffix in (".yaml", ".env", ".json"):
            assert not secret.search(path.read_text()), path


# The known mistakes of such stacks --------------------------------------------------------------------------------------


def test_each_collector_is_valid_without_a_warning(collector):
    name, words, env, _ = collector
    done = subprocess.run([OTELCOL, "validate", *words], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_each_signal_has_an_exporter_that_is_defined(collector):
    pipelines = collector[3]["service"]["pipelines"]
    assert sorted(pipelines) == sorted(SIGNALS)
    for signal, pipeline in pipelines.items():
        assert pipeline["exporters"] and set(pipeline["exporters"]) <= set(collector[3]["exporters"]), signal
        assert not {name.partition("/")[0] for name in pipeline["exporters"]} & {"nop", "debug"}, signal


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_old_address_of_the_collectors_own_metrics_is_not_used(path):
    assert "address" not in yaml.safe_load(path.read_text())["service"].get("telemetry", {}).get("metrics", {})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_old_logging_exporter_is_not_used(path):
    assert not [name for name in yaml.safe_load(path.read_text()).get("exporters", {}) if name.partition("/")[0] == "logging"]


def test_metrics_have_no_prefix(collector):
    for name, exporter in collector[3]["exporters"].items():
        if name.startswith("prometheus"):
            assert not exporter.get("namespace") and not exporter.get("external_labels"), name
    for path in (STACK / "prometheus/rules").glob("*.yaml"):
        assert "claude_code_claude_code" not in path.read_text()


@pytest.mark.plain
def test_the_data_sources_have_the_uids_that_all_name():
    sources = {each["uid"]: each for each in yaml.safe_load((STACK / "grafana/datasources.yaml").read_text())["datasources"]}
    assert {uid: each["type"] for uid, each in sources.items()} == {"metrics": "prometheus", "logs": "loki", "traces": "tempo"}
    assert [uid for uid, each in sources.items() if each.get("isDefault")] == ["metrics"]
    for uid, each in sources.items():
        host, port = re.fullmatch(r"http://([a-z]+):(\d+)", each["url"]).groups()
        published, = services("grafana")[host]["ports"]
        assert published.endswith(f":{port}")
    named = {uid for uid in re.findall(r"datasourceUid: (\S+)", (STACK / "grafana/datasources.yaml").read_text())}
    assert named == {"logs", "traces"}


def uids(held):
    """The UIDs of all data sources that a dashboard names."""
    if isinstance(held, dict):
        source = held.get("datasource")
        if isinstance(source, dict):
            yield source.get("uid")
        elif source is not None:
            yield source
        held = list(held.values())
    if isinstance(held, list):
        for each in held:
            yield from uids(each)


@pytest.mark.plain
def test_the_dashboards_name_no_other_data_source():
    paths = sorted((STACK / "grafana/dashboards").glob("*.json"))
    assert len(paths) == 5
    for path in paths:
        found = set(uids(json.loads(path.read_text())))
        assert found - {"grafana", "-- Grafana --"} <= {"metrics", "logs", "traces"} and found, path.name


# The stores' own files ------------------------------------------------------------------------------------------------


@pytest.mark.plain
def test_prometheus_takes_its_configuration_and_rules_and_what_the_collector_writes():
    checked = subprocess.run(["promtool", "check", "config", "--lint=all", "--lint-fatal", STACK / "prometheus/prometheus.yaml"],
                             capture_output=True, text=True)
    assert checked.returncode == 0 and "rule files found" in checked.stdout, checked
    assert "--web.enable-remote-write-receiver" in services("grafana")["prometheus"]["command"]
    assert "scrape_configs" not in yaml.safe_load((STACK / "prometheus/prometheus.yaml").read_text())


@pytest.mark.plain
def test_loki_has_one_label_and_keeps_the_rest_as_structured_metadata():
    limits = yaml.safe_load((STACK / "loki.yaml").read_text())["limits_config"]
    assert limits["allow_structured_metadata"] is True
    assert limits["otlp_config"]["resource_attributes"] == {
        "ignore_defaults": True, "attributes_config": [{"action": "index_label", "attributes": ["service.name"]}]}


@pytest.mark.plain
def test_each_store_listens_where_the_collector_sends():
    for profile, stores in (("grafana", ("prometheus", "loki", "tempo")), ("apache", ("prometheus", "victorialogs", "jaeger"))):
        sent = {re.match(r"http://([a-z]+):(\d+)/", value).groups() for name, value in environment(profile).items()
                if name.startswith("STACK_")}
        assert {host for host, _ in sent} == set(stores)
        ports = dict(sent)
        assert ports["prometheus"] == "9090" and ports.get("tempo", "4318") == ports.get("jaeger", "4318") == "4318"
    assert yaml.safe_load((STACK / "tempo.yaml").read_text())["distributor"]["receivers"]["otlp"]["protocols"]["http"][
        "endpoint"].endswith(":4318")
    assert yaml.safe_load((STACK / "loki.yaml").read_text())["server"]["http_listen_port"] == 3100
