"""A refused value gives one line with the flag, the value, the problem, and what to write instead."""

import pytest

from support.refusal import refusal

OFF = {"OSTIARY_GATE": "off"}
TRIO = "GRAFANA_INSTANCE_ID"

FLAGS = [  # arguments, what the line holds
    (["--grace", "5s"], ['--grace: "5s" is not a number of seconds from 0 to 3600, like 10']),
    (["--grace", "-5"], ["--grace has no value", "--grace=-"]),
    (["--grace", ""], ["--grace has no value: write --grace SECONDS, or leave it out"]),
    (["--audit-limit", "1g"], ['--audit-limit: "1g" is not a number of MiB', ", like 64"]),
    (["--gate", "ajar"], ['--gate: "ajar" is neither on nor off']),
    (["--check-names", "yes"], ['--check-names: "yes" is neither on nor off: write on or off']),
    (["--ech", "off"], ['--ech: "off" is neither refuse nor allow: write refuse or allow']),
    (["--allow", "a.example:443/ssl"], ['has "ssl" after its /, which is not tcp, udp, both, tls, http or raw']),
    (["--allow", "a.example:8443/tls/udp"], ['has two protocols: write an entry for each, like "a.example:8443/tls"']),
    (["--allow", "10.1.2.3:443/tls"], ["no flow names an address: write /tcp"]),
    (["--allow-inbound", "443/raw"], ['"443/raw" has a protocol that is not tcp, udp or both']),
    (["--log-level", "loud"], ['--log-level: "loud" is not a log level: write debug, info, warn or error']),
    (["--no-derive=perhaps"], ['--no-derive: "perhaps" is neither true nor false']),
    (["--user", "-1"], ["--user has no value", "--user=-"]),
    (["--allow", "-foo.example"], ["--allow has no value", "--allow=-"]),
    (["--allow", ""], ["--allow has no value"]),
    (["--allow", "a.example,,"], ["--allow has an empty entry"]),
    (["--policy", ""], ["--policy has no value"]),
    (["--policy", "/work"], ['--policy: "/work": is not a regular file: write the path of a policy file']),
    (["--policy", "/" + "x" * 100_000], ["--policy: there is no file", "…"]),
    (["--allow", "a.example/path"], ['"a.example/path" has a path, and a path cannot be a rule: write "a.example"']),
    (["--allow", "a.example:https"], ['has the port "https", which is not a port']),
    (["--allow", ":443"], ['":443" has no host; write it like "example.com:443"']),
    (["--allow", "b\u00fccher.example"], ["xn--"]),
    (["--allow-inbound", "0.0.0.0/0:22"], ["names every network: write 22 alone to open it to all"]),
    (["--allow-inbound", "[::]/0:22"], ["write"]),
    (["--allow-inbound", "[::/0]:22"], ["names every network: write 22 alone"]),
    (["--allow-inbound", "*:22"], ["names every network: write 22 alone"]),
    (["--allow-inbound", "3000:4000"], ["is Docker's HOST:CONTAINER", "write 4000"]),
    (["--allow-inbound", "127.0.0.1:3000:3000"], ["is Docker's HOST:CONTAINER", "write 3000"]),
    (["--upstream", "0.0.0.0"], ['"0.0.0.0" is not the address of a server']),
    (["--upstream", "224.0.0.1"], ["is not the address of a server"]),
    (["--upstream", "[::]:53"], ["is not the address of a server"]),
    (["--audit", "/dev/null"], ['--audit: "/dev/null": discards the audit: write none']),
    (["--audit", "/proc/x/y"], ['--audit: "/proc/x/y": is not a regular file']),
    (["--require-telemetry"], ["--require-telemetry: telemetry is off (not-configured): set GRAFANA_INSTANCE_ID",
                               "OTEL_EXPORTER_OTLP_ENDPOINT, or leave out"]),
]


@pytest.mark.parametrize("arguments, words", FLAGS, ids=lambda value: " ".join(value)[:40])
def test_a_refused_flag_value_is_explained(sandbox, arguments, words):
    result = sandbox.run("plan", *arguments, "--", "true")
    line = refusal(result, result.status)
    assert result.status in (64, 66, 78) and len(line) < 400, result
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize("variable, value, words", [
    ("OSTIARY_NO_DERIVE", "perhaps", '"perhaps" is neither true nor false: write true, 1, yes, false, 0 or no'),
    ("OSTIARY_HOLD", "x" * 30, "OSTIARY_HOLD: its value is not a number of seconds"),
    ("OSTIARY_KEEP_RULES", "yes", 'OSTIARY_KEEP_RULES: "yes" is neither always nor never'),
])
def test_a_refused_variable_is_explained(sandbox, variable, value, words):
    assert words in refusal(sandbox.run("plan", "--", "true", env={variable: value}), 78)


@pytest.mark.parametrize("policy, words", [
    ('{"allow": "a.example"}', "line 1: allow is a string: write an array"),
    ('{"allow_inbound": {}}', "line 1: allow_inbound is an object: write a string or an array"),
    ('{"allow": [{"host": "https://a.example"}]}', 'host is a URL; write its host: "a.example:443"'),
    ('{"allow": [{"host": "a.example", "types": "MX"}]}', "types is a string: write an array"),
    ('{"allow": [{"host": "a.example", "tls": "no"}]}', "tls is a string: write true or false"),
    ('{"allow": [{"host": "a.example", "https": true}]}', 'line 1: unknown key "https": write "tls": true'),
    ('{"allow": [{"host": "a.example", "protocol": "tls"}]}', 'protocol is "tls": in its place write "tls": true'),
    ('{"allow": [{"host": "10.1.2.3", "tls": true}]}', 'is an address, which no flow names; leave out "tls"'),
    ('{"allow": ["10.1.2.3:443/raw"]}', 'has "raw" after its /, and no flow names an address: write /tcp'),
    ('{"check_names": false}', 'check_names is false: write "on" or "off"'),
    ('{"$schema": 5}', "line 1: $schema is a number: write a string"),
    ('{"grace": "5s"}', "line 1: grace is a string: write a whole number from 0 to 3600"),
])
def test_a_refused_policy_is_explained(sandbox, policy, words):
    sandbox.policy(policy)
    assert words in refusal(sandbox.run("plan", "--", "true"), 78)


@pytest.mark.parametrize("arguments, words", [
    (["--scope", "user", "--user", "agent", "--allow-inbound", "3000"], "--allow-inbound has no effect with --scope user"),
    (["--allow-inbound", "127.0.0.1:3000"], "has no effect, because loopback ports are always open"),
    (["--no-derive", "false"], '"false" is taken as the program, and --no-derive as set: write --no-derive=false'),
])
def test_a_setting_without_effect_gives_a_warning(sandbox, arguments, words):
    result = sandbox.run("plan", *arguments)
    assert result.status == 0 and words in result.stdout, result


@pytest.mark.parametrize("policy", ['{"allow_inbound": [3000, "10.1.0.0/16:8000-8099/UDP"]}',
                                    '{"allow_inbound": "3000,10.1.0.0/16:8000-8099/udp"}'])
def test_inbound_ports_are_a_text_or_an_array_and_may_be_ranges(sandbox, policy):
    sandbox.policy(policy)
    text = sandbox.run("plan", "--", "true").stdout
    assert "3000/tcp" in text and "8000-8099/udp" in text, text


def test_the_plan_as_text_shows_everything_that_a_rule_opens(sandbox):
    sandbox.policy({"allow": [{"host": "a.example", "private": True, "types": ["MX"], "required": True}]})
    assert ("a.example:443/tcp, TLS name, private addresses too, asks for MX, required"
            in sandbox.run("plan", "--", "true").stdout)


def test_a_missing_program_is_reported_before_a_problem_with_the_network(sandbox):
    result = sandbox.run("--user", "agent", "status", pid_1=False)
    assert result.status == 127 and result.stderr.rstrip().endswith("ostiary status"), result


def test_the_plan_shows_the_servers_that_a_boot_would_not_ask(sandbox):
    one = sandbox.run("plan", "--upstream", "127.0.0.53", "--", "true")
    assert one.status == 0 and "a boot would end with status 78: --upstream: the upstream server 127.0.0.53:53" in one.stdout
    assert "give --upstream the server that 127.0.0.53 itself asks" in one.stdout
    both = sandbox.run("plan", "--upstream", "127.0.0.53,192.0.2.53", "--", "true").stdout
    assert both.count("it is not asked") == 1 and "would end" not in both, both


@pytest.mark.parametrize("env, words", [
    ({"GRAFANA_INSTANCE_ID": "abc"}, "GRAFANA_INSTANCE_ID: is not a number"),
    ({"GRAFANA_API_TOKEN": "<your token>"}, "GRAFANA_API_TOKEN: has a blank or a < in it"),
    ({"CLAUDE_CODE_USE_BEDROCK": "maybe"}, 'CLAUDE_CODE_USE_BEDROCK: "maybe" switches nothing on: write 1'),
    ({"CLAUDE_CODE_USE_MANTLE": "maybe"}, 'CLAUDE_CODE_USE_MANTLE: "maybe" switches nothing on: write 1'),
    ({"GRAFANA_TOKEN": "glc_secret"}, "perhaps GRAFANA_API_TOKEN is meant"),
    ({"OTEL_EXPORTER_OTLP_ENPOINT": "http://a.example:4318"}, "perhaps OTEL_EXPORTER_OTLP_ENDPOINT is meant"),
])
def test_a_likely_mistake_in_telemetry_variables_gives_a_warning_without_the_value(sandbox, env, words):
    result = sandbox.run("plan", "--", "true", env=env)
    assert words in result.stdout, result
    assert not any(value in result.stdout + result.stderr for value in ("glc_secret", "your token")), result


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "GRAFANA_URL",
                                  "OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                                  "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_COMPRESSION"])
def test_other_opentelemetry_variables_give_no_warning(sandbox, name):
    assert "is meant" not in sandbox.run("plan", "--", "true", env={name: "1"}).stdout
