"""Settings: flags override the environment, which overrides the policy file. Errors name the
place."""

import itertools

import pytest

from support.refusal import refusal

POLICY = "/etc/ostiary/policy.json"
PLACES = ["/work/policy", "/work/variable", "/work/flag"]  # weakest first


@pytest.mark.parametrize("given", [given for n in (1, 2, 3) for given in itertools.combinations(range(3), n)])
def test_flags_override_the_environment_which_overrides_the_policy_file(sandbox, given):
    for place in PLACES:
        sandbox.mkdir(place)
    if 0 in given:
        sandbox.policy({"workdir": PLACES[0]})
    env = {"OSTIARY_WORKDIR": PLACES[1]} if 1 in given else {}
    flags = ["--workdir", PLACES[2]] if 2 in given else []
    assert sandbox.boot("pwd", flags=flags, env=env).stdout == PLACES[max(given)] + "\n"


def test_every_setting_can_be_in_the_policy_file(sandbox):
    sandbox.mkdir("/work/here")
    sandbox.script("/opt/bin/hook", "exit 0")
    sandbox.policy({
        "user": "agent", "workdir": "/work/here", "grace": 3, "gate": "off", "telemetry_source": "off",
        "require_telemetry": False, "no_managed_settings": True, "auth_hook": "/opt/bin/hook",
        "auth_hook_timeout": 5, "prepare_claude": False, "log_level": "warn"})
    assert sandbox.run("sh", "-c", "id -un; pwd").stdout == "agent\n/work/here\n"


def test_every_setting_can_be_a_variable(sandbox):
    sandbox.mkdir("/work/here")
    sandbox.script("/opt/bin/hook", "exit 0")
    env = {"USER": "agent", "WORKDIR": "/work/here", "GRACE": "3", "GATE": "off", "TELEMETRY_SOURCE": "off",
           "REQUIRE_TELEMETRY": "no", "NO_MANAGED_SETTINGS": "yes", "AUTH_HOOK": "/opt/bin/hook",
           "AUTH_HOOK_TIMEOUT": "5", "PREPARE_CLAUDE": "0", "LOG_LEVEL": "warn"}
    result = sandbox.run("sh", "-c", "id -un; pwd", env={f"OSTIARY_{name}": value for name, value in env.items()})
    assert result.stdout == "agent\n/work/here\n"


def test_the_policy_file_may_hold_comments(sandbox):
    sandbox.policy('// whose\n{\n  /* who */ "user": "agent" // of this\n}\n')
    assert sandbox.boot("id", "-un").stdout == "agent\n"


def test_a_policy_file_with_another_path_replaces_the_default_one(sandbox):
    sandbox.policy({"user": "other"})
    sandbox.policy({"workdir": "/home"}, path="/work/mine.json")
    for how in ({"flags": ["--policy", "/work/mine.json"]}, {"env": {"OSTIARY_POLICY": "/work/mine.json"}}):
        assert sandbox.boot("sh", "-c", "id -un; pwd", **how).stdout == "root\n/home\n"


@pytest.mark.parametrize("text, line, word", [
    ('{\n  "user": "agent",\n  "usr": "agent"\n}', 3, "usr"),
    ('{\n  "user": "agent",\n  "grace": 3,\n  "user": "other"\n}', 4, "user"),
    ('{\n  "user": "agent"\n  "grace": 3\n}', 3, ""),
    ('{\n  "grace": "soon"\n}', 2, "grace"),
    ('{\n  "grace": 3601\n}', 2, "grace"),
    ('{\n  "grace": -1\n}', 2, "grace"),
    ('{\n\n\n  "user": 7.5\n}', 4, "user"),
    ('{\n  "user": null\n}', 2, "user"),
    ('{\n  "gate": true\n}', 2, "gate"),
    ('{\n  "log_level": "loud"\n}', 2, "log_level"),
    ('{\n  "workdir": "not/absolute"\n}', 2, "workdir"),
    ('{\n  "telemetry": {\n    "enabled": true,\n    "otlp_endpiont": "https://x.example"\n  }\n}', 4, "otlp_endpiont"),
    ('{\n  "telemetry": {\n    "enabled": true,\n    "enabled": false\n  }\n}', 4, "enabled"),
    ('{\n}\n{', 3, ""),
    ('[]', 1, ""),
    ('', 1, ""),
    ('{\n  "user": "a', 2, ""),
    ('{\n  /* without end', 2, ""),
    ('{\n  "user": "\xff"\n}'.encode("latin-1"), 2, ""),
])
def test_an_error_in_the_policy_file_names_file_and_line(sandbox, text, line, word):
    sandbox.write(POLICY, text)
    said = refusal(sandbox.boot("true"), 78)
    assert f"{POLICY}: line {line}: " in said and word in said


@pytest.mark.parametrize("text", ["[" * 200_000, '{"telemetry":' * 50_000, "{" + " " * 20_000_000 + "}"],
                         ids=["deep list", "deep object", "huge"])
def test_a_huge_policy_file_is_refused_in_one_line(sandbox, text):
    sandbox.write(POLICY, text)
    result = sandbox.boot("true")
    assert result.status in (66, 78) and POLICY in refusal(result, result.status)


@pytest.mark.parametrize("how", [{"flags": ["--policy", "/no/such"]}, {"env": {"OSTIARY_POLICY": "/no/such"}}])
def test_a_named_policy_file_that_is_missing_is_an_error(sandbox, how):
    assert "/no/such" in refusal(sandbox.boot("true", **how), 66)


def test_a_policy_file_that_is_a_directory_is_an_error(sandbox):
    assert "/work" in refusal(sandbox.boot("true", flags=["--policy", "/work"]), 66)


def test_a_policy_file_that_is_a_dangling_symlink_is_an_error(sandbox):
    sandbox.symlink(POLICY, "/no/such.json")
    assert POLICY in refusal(sandbox.boot("true"), 66)


def test_a_policy_file_in_a_directory_without_search_permission_is_an_error(sandbox):
    sandbox.policy({"user": "agent"})
    sandbox.mkdir("/etc/ostiary", mode=0o700)
    assert POLICY in refusal(sandbox.run("plan", uid=1000), 66)


@pytest.mark.parametrize("word, on", [("true", True), ("1", True), ("yes", True), ("", False), ("false", False),
                                      ("0", False), ("no", False)])
def test_a_switch_can_be_set_by_a_variable_with_yes_or_no(sandbox, word, on):
    result = sandbox.boot("true", env={"OSTIARY_REQUIRE_TELEMETRY": word, "GRAFANA_INSTANCE_ID": "1"})
    assert result.status == (78 if on else 0), result


@pytest.mark.parametrize("variable, value", [
    ("OSTIARY_REQUIRE_TELEMETRY", "maybe"),
    ("OSTIARY_GRACE", "ten"), ("OSTIARY_GRACE", "3601"), ("OSTIARY_GRACE", "-1"), ("OSTIARY_GRACE", "1s"),
    ("OSTIARY_GRACE", " 1"), ("OSTIARY_GRACE", "99999999999999999999"),
    ("OSTIARY_AUTH_HOOK_TIMEOUT", "0"), ("OSTIARY_AUTH_HOOK", "hook"), ("OSTIARY_WORKDIR", "work"),
    ("OSTIARY_GATE", "ajar"), ("OSTIARY_LOG_LEVEL", "loud"), ("OSTIARY_TELEMETRY_SOURCE", "grafana"),
])
def test_a_bad_value_in_a_variable_names_the_variable(sandbox, variable, value):
    assert variable in refusal(sandbox.run("run", "--", "true", env={"OSTIARY_GATE": "off", variable: value}), 78)


@pytest.mark.parametrize("flag, value", [("--grace", "3601"), ("--gate", "ajar"), ("--log-level", "loud"),
                                         ("--telemetry", "grafana"), ("--workdir", "work")])
def test_a_bad_value_in_a_flag_names_the_flag(sandbox, flag, value):
    result = sandbox.run("run", flag, value, "--", "true", env={"OSTIARY_GATE": "off"})
    assert result.status in (64, 78) and flag in refusal(result, result.status)


def test_an_empty_variable_counts_as_not_set(sandbox):
    sandbox.policy({"user": "agent"})
    env = {"OSTIARY_USER": "", "OSTIARY_GRACE": "", "GRAFANA_API_TOKEN": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    assert sandbox.boot("id", "-un", env=env).stdout == "agent\n"
