"""The output of `ostiary plan --json` is stable: for known environments it is compared word for
word.

    pytest tests/system/test_plan.py --update-golden     # then review the difference before committing it
"""

import json
from pathlib import Path

import pytest

from support.landlock import without_landlock
from support.telemetry import COLLECTOR, GRPC, MARKER, MODULE, TRIO

GOLDEN = Path(__file__).with_name("golden")
ENVIRONMENTS = {
    "off": {},
    "trio": TRIO,
    "trio-incomplete": {"GRAFANA_INSTANCE_ID": "123456", "GRAFANA_OTLP_ENDPOINT": TRIO["GRAFANA_OTLP_ENDPOINT"]},
    "grpc-collector": GRPC | {"OTEL_EXPORTER_OTLP_HEADERS": COLLECTOR["OTEL_EXPORTER_OTLP_HEADERS"]},
    "coder-object": {"OSTIARY_TELEMETRY": json.dumps(MODULE)},
    "fly": TRIO | {
        "FLY_MACHINE_ID": "3d8d9930b32189", "FLY_APP_NAME": "agents", "FLY_REGION": "ams",
        "FLY_MACHINE_VERSION": "01HZX", "FLY_PROCESS_GROUP": "app"},
    "coder": TRIO | {
        "CODER": "true", "CODER_WORKSPACE_NAME": "dev", "CODER_WORKSPACE_OWNER_NAME": "ada",
        "CODER_WORKSPACE_AGENT_NAME": "main", "CODER_AGENT_TOKEN": "not-to-be-shown"},
    "kubernetes": COLLECTOR | {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1", "POD_NAME": "agent-0", "POD_NAMESPACE": "agents",
        "NODE_NAME": "node-1", "POD_UID": "0c1d-22"},
    "codespaces": COLLECTOR | {
        "CODESPACES": "true", "CODESPACE_NAME": "fluffy-umbrella-9x", "GITHUB_REPOSITORY": "ada/engine",
        "OTEL_RESOURCE_ATTRIBUTES": "team=blue whales,vcs.repository.name=mine"},
    "relays": TRIO | {"NPM_TOKEN": MARKER, "TICKETS_KEY": MARKER, "OSTIARY_API_RELAY": "on", "ANTHROPIC_API_KEY": MARKER},
}
POLICIES = {"relays": {"relays": [
    {"name": "registry", "url": "https://npm.example.com/private", "header": "Authorization", "prefix": "Bearer ",
     "secret": "NPM_TOKEN", "allow": [{"methods": ["GET", "HEAD"], "path": "/", "below": True}],
     "variable": "NPM_CONFIG_REGISTRY"},
    {"name": "tickets", "url": "http://10.1.2.3:8080", "header": "X-Api-Key", "secret": "TICKETS_KEY",
     "allow": [{"methods": ["GET"], "path": "/v1/tickets", "below": True}, {"methods": ["POST"], "path": "/v1/tickets"}],
     "variable": "TICKETS_URL", "value": "{url}/v1"}]}}


# Without Landlock, whatever this machine's kernel has.
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_plan_has_not_changed(sandbox, name, request):
    if name in POLICIES:
        sandbox.policy(POLICIES[name])
    result = sandbox.run("plan", "--json", "--user", "agent", "--", "claude", "-p", "hi",
                         env=ENVIRONMENTS[name], cwd="/work", prepare=without_landlock)
    assert result.status == 0, result
    json.loads(result.out)
    golden = GOLDEN / f"{name}.json"
    if request.config.getoption("--update-golden"):
        golden.write_bytes(result.out)
    assert result.stdout == golden.read_text()


def test_plan_changes_nothing(sandbox):
    before = sorted(map(str, sandbox.path.rglob("*")))
    assert sandbox.run("plan", "--user", "agent", "--workdir", "/work/new", "--", "claude", env=TRIO).status == 0
    assert sorted(map(str, sandbox.path.rglob("*"))) == before


def test_plan_needs_no_root(sandbox):
    assert sandbox.run("plan", "--gate", "off", "--user", "agent", "--", "claude", env=TRIO, uid=1000).status == 0


def test_the_plan_is_the_same_each_time(sandbox):
    plans = {sandbox.run("plan", "--json", env=ENVIRONMENTS["fly"]).stdout for _ in range(3)}
    assert len(plans) == 1


def test_the_plan_as_text_shows_the_source_of_each_setting(sandbox):
    sandbox.policy({"grace": 7})
    text = sandbox.run("plan", "--workdir", "/work", env={"OSTIARY_USER": "agent"}).stdout
    assert "/etc/ostiary/policy.json" in text and "OSTIARY_USER" in text and "--workdir" in text


def test_the_plan_as_text_says_where_the_ruleset_is(sandbox):
    lines = sandbox.run("plan", "--upstream", "192.0.2.53").stdout.splitlines()
    assert [line for line in lines if "--json" in line] == [
        "  gate         on: everything is denied but what follows (its rules: --json)"]


def test_the_plan_shows_which_ports_a_name_in_tls_opens(sandbox):
    sandbox.policy({"no_derive": True, "allow": [
        "git.example:22,443", "*.b.example:8443/tls", {"host": "api.example", "ports": [443, 8443], "tls": True},
        "ssh.example:443/raw", "192.0.2.7:443", "quic.example:443/both"]})
    opened = [line.split("   (")[0].removeprefix("  opens        ") for line in sandbox.run("plan").stdout.splitlines()
              if line.startswith("  opens ")]
    assert opened == ["git.example:22,443/tcp, TLS name on 443", "*.b.example:8443/tls, TLS name",
                      "api.example:443,8443/tls, TLS name", "ssh.example:443/raw", "192.0.2.7:443/tcp",
                      "quic.example:443/both, TLS name over TCP"]
    assert [rule["tls_name_ports"] for rule in sandbox.plan()["rules"]] == ["443", "8443", "443,8443", "", "", "443"]


def test_what_the_plan_opens_is_an_entry_of_allow(sandbox):
    entries = ["git.example:22,443/tcp", "a.example:8443/tls", "ssh.example:443/raw", "time.example:123/udp",
               "[2001:db8::/32]:443/tcp"]
    flags = [word for entry in entries for word in ("--allow", entry)]
    opened = [line.split()[1].rstrip(",") for line in sandbox.run("plan", "--no-derive", *flags).stdout.splitlines()
              if line.startswith("  opens ")]
    assert opened == entries


def test_a_preset_opens_ssh_on_port_443_without_a_name_in_tls(sandbox):
    listed = sandbox.run("presets").stdout
    assert "  ssh.github.com:443/raw\n" in listed and "  altssh.gitlab.com:443/raw\n" in listed


def test_without_names_in_tls_the_plan_says_what_it_gives_up(sandbox):
    plan = sandbox.plan("--check-names", "off", "--allow", "a.example,b.example:8443/tls")
    assert {rule["tls_name_ports"] for rule in plan["rules"]} == {""}
    assert [each for each in plan["warnings"] if each.startswith("--check-names off: ")]
    sandbox.policy({"ech": "allow"})
    assert [each for each in sandbox.plan()["warnings"] if "policy.json" in each and "ech allow: a TLS hello" in each]
    assert not [each for each in sandbox.plan("--ech", "refuse", "--check-names", "on")["warnings"] if "TLS" in each]


def test_a_plan_without_a_ruleset_says_why(sandbox):
    of_this_host = sandbox.plan("--upstream", "127.0.0.53")
    assert of_this_host["ruleset"] is None and "127.0.0.53:53 is on this host" in of_this_host["ruleset_error"]
    sandbox.write("/etc/resolv.conf", "")
    no_server = sandbox.plan()
    assert no_server["ruleset"] is None and no_server["ruleset_error"].startswith("/etc/resolv.conf names no nameserver")
    off = sandbox.plan("--gate", "off")
    assert off["ruleset"] is None and off["ruleset_error"] == ""


def test_plan_fails_with_the_same_status_as_the_boot(sandbox):
    env = TRIO | {"GRAFANA_OTLP_ENDPOINT": "no-scheme.example"}
    plan, boot = sandbox.run("plan", env=env), sandbox.boot("true", env=env)
    assert (plan.status, plan.stderr) == (boot.status, boot.stderr) == (78, boot.stderr)
